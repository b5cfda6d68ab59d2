import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tarOf } from './tar.ts';

test('the system’s own tar reads what is written, whatever its length', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tar-'));
  try {
    const lengths = [0, 1, 511, 512, 513, 100_000];
    const files = lengths.map((length) => ({ path: `a/${length}.txt`, content: Buffer.alloc(length, 'x') }));
    writeFileSync(join(directory, 'x.tar'), tarOf(files, 1_700_000_000_000));
    execFileSync('tar', ['-xf', 'x.tar'], { cwd: directory });
    for (const { path, content } of files) expect(readFileSync(join(directory, path))).toEqual(content);
    const { mtimeMs, mode } = statSync(join(directory, 'a/1.txt'));
    expect([mtimeMs, mode & 0o777]).toEqual([1_700_000_000_000, 0o600]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('no path leads out of the archive', () => {
  for (const path of ['/etc/passwd', '../x', 'a/../../x', 'x'.repeat(101)])
    expect(() => tarOf([{ path, content: Buffer.alloc(0) }], 0)).toThrow(RangeError);
});
