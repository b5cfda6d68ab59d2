import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clearMarker, discardIncoming, rememberedTablespaces, writeMarker } from './data-directory.ts';
import { filesOf, type NodePlace } from './layout.ts';
import { isThisMachine, removeTablespaceData, tablespacesOf } from './tablespaces.ts';

let root = '';
let place: NodePlace;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tablespaces-'));
  place = { dataDir: join(root, 'data'), stateDir: join(root, 'state'), osUser: null } as NodePlace;
  await mkdir(place.stateDir);
});

afterEach(() => rm(root, { recursive: true }));

/** A tablespace as PostgreSQL makes it, in a place where something else lies too. */
async function tablespace(dataDir: string, oid: number): Promise<string> {
  const location = join(root, `space-${oid}`);
  await mkdir(join(location, 'PG_15_202209061', '5'), { recursive: true });
  await writeFile(join(location, 'PG_15_202209061', '5', '16400'), 'rows');
  await mkdir(join(location, 'PG_14_202107181'));
  await writeFile(join(location, 'notes'), 'somebody else’s');
  await mkdir(join(dataDir, 'pg_tblspc'), { recursive: true });
  await symlink(location, join(dataDir, 'pg_tblspc', String(oid)));
  return location;
}

it('remembers where the tablespaces were when the data is gone, until a copy is complete', async () => {
  const location = await tablespace(place.dataDir, 16_390);
  await mkdir(join(place.dataDir, 'pg_tblspc', '16391'));
  expect(await tablespacesOf(place.dataDir)).toEqual([location]);
  await writeMarker(place, 'standby that was given up');
  await rm(place.dataDir, { recursive: true });
  await writeMarker(place, 'clone of node-1');
  expect(await rememberedTablespaces(place)).toEqual([location]);
  await clearMarker(place);
  expect(await rememberedTablespaces(place)).toEqual([]);
});

it('remembers those of a copy that broke off', async () => {
  await writeMarker(place, 'clone of node-1');
  const location = await tablespace(filesOf(place).incomingDir, 16_390);
  await discardIncoming(place);
  expect(await rememberedTablespaces(place)).toEqual([location]);
});

it('removes what PostgreSQL of this version put there, and nothing else', async () => {
  const location = await tablespace(place.dataDir, 16_390);
  await removeTablespaceData([location, join(root, 'never-there')]);
  expect(existsSync(join(location, 'PG_15_202209061'))).toBe(false);
  expect(existsSync(join(location, 'PG_14_202107181'))).toBe(true);
  expect(existsSync(join(location, 'notes'))).toBe(true);
});

it('knows a server on the same machine, whose tablespaces are in the same places', async () => {
  expect(await isThisMachine('127.0.0.1')).toBe(true);
  expect(await isThisMachine('192.0.2.1')).toBe(false);
});
