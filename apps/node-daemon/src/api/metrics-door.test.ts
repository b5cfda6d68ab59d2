import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { requireMetricsToken } from './metrics-door.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'metrics-door-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test('I-METRICS-1: with a token the metrics are for whoever sends it, and for whom the connection proves', async () => {
  const file = join(directory, 'token');
  const ask = (
    sent: string | null,
    caller: Parameters<typeof requireMetricsToken>[1] = { kind: 'anybody' },
  ) => {
    const headers = sent === null ? {} : { authorization: `Bearer ${sent}` };
    return requireMetricsToken(file, caller, { headers } as IncomingMessage);
  };
  await expect(ask('a-token-of-many-letters')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await writeFile(file, 'a-token-of-many-letters\n');
  await ask('a-token-of-many-letters');
  await ask(null, { kind: 'local' });
  for (const sent of [null, '', 'another'])
    await expect(ask(sent)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  await writeFile(file, 'short');
  await expect(ask('short')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await requireMetricsToken(null, { kind: 'anybody' }, { headers: {} } as IncomingMessage);
});
