import { join } from 'node:path';
import { readJson, root } from '../lib/files.mjs';
import { gapsOf } from '../lib/lock.mjs';

/** The lock file lists every optional package of every system; otherwise `npm ci` refuses it everywhere. */
export function checkLock() {
  const gaps = gapsOf(readJson(join(root, 'package-lock.json')));
  const lines = gaps.map(({ name, wantedBy }) => `${name}, wanted by ${wantedBy}, is not locked`);
  const advice = gaps.length > 0 ? ['run: node scripts/complete-lock.mjs'] : [];
  return { ok: gaps.length === 0, output: [...lines, ...advice].join('\n') };
}
