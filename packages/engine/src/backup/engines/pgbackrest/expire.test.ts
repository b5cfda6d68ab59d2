import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Inventory, StoredBackup } from '../../engine.ts';
import { heldLabels, holdNote } from '../../retention.ts';
import { PgBackRestEngine } from './pgbackrest-engine.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'expire-'));
  await writeFile(join(directory, 'program'), `#!/bin/sh\necho "$*" >> '${join(directory, 'runs')}'\n`);
  await chmod(join(directory, 'program'), 0o700);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Each look at the repository finds the next of these. */
function engineWith(...seen: StoredBackup[][]): PgBackRestEngine {
  class Engine extends PgBackRestEngine {
    override inventory(): Promise<Inventory> {
      const backups = (seen.length > 1 ? seen.shift() : seen[0]) ?? [];
      return Promise.resolve({ state: 'ok', detail: '', backups, systems: [] } as unknown as Inventory);
    }
  }
  const program = join(directory, 'program');
  return new Engine({ program, configFile: '/c', workDir: directory, stanza: 'demo', osUser: null });
}

const full = (label: string, hold = ''): StoredBackup =>
  ({ label, type: 'full', prior: null, references: [], notes: hold ? { [holdNote]: hold } : {} }) as never;

it('I-BACKUP-4: a backup that is held after the removal was planned stays, and WAL is kept as far back as was planned', async () => {
  const [first, second, third] = ['20261101-000000F', '20261102-000000F', '20261103-000000F'] as const;
  const planned = [full(first), full(second), full(third)];
  const engine = engineWith(planned, [full(second, 'for the auditors'), full(third)]);
  const labels = [first, second];
  const stayed = await engine.expire({ labels, backups: planned, fullsWithWal: 1, spared: heldLabels });
  expect(stayed).toEqual([second]);
  const runs = await readFile(join(directory, 'runs'), 'utf8');
  expect(runs).toContain(`--set=${first}`);
  expect(runs).not.toContain(`--set=${second}`);
  expect(runs).toMatch(/--repo1-retention-archive=2\n$/);
});

it('I-BACKUP-9: WAL is kept from a backup on that somebody began to restore from after the removal was planned', async () => {
  const [first, second, third] = ['20261101-000000F', '20261102-000000F', '20261103-000000F'] as const;
  const planned = [full(first), full(second), full(third)];
  const asked = { labels: [], backups: planned, fullsWithWal: 1 };
  await engineWith(planned).expire({ ...asked, withWal: () => new Set([second]) });
  await engineWith(planned).expire({ ...asked, withWal: () => new Set() });
  await engineWith(planned).expire({ ...asked, fullsWithWal: 3, withWal: () => new Set([second]) });
  const runs = await readFile(join(directory, 'runs'), 'utf8');
  expect(runs.match(/retention-archive=\d/g)).toEqual([2, 1, 3].map((each) => `retention-archive=${each}`));
});
