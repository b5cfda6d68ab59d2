import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';

const late = /\bimport\(\s*'([^']+)'/g;

/** What a running daemon consists of: not its tests, and not the commands, which end before their files are replaced. */
async function sourcesBelow(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true });
  return names
    .filter((name) => name.endsWith('.ts') && !/\.test\.ts$|(^|\/)(testing|cli|demo)\//.test(name))
    .map((name) => join(directory, name));
}

test('whatever a daemon loads late is loaded before an upgrade can take its file away', async () => {
  const list = await readFile(join(import.meta.dirname, 'late-modules.ts'), 'utf8');
  const loaded = new Set([...list.matchAll(late)].map(([, name = '']) => basename(name, '.ts')));
  const sources = [
    ...(await sourcesBelow(import.meta.dirname)),
    ...(await sourcesBelow(join(import.meta.dirname, '../../../packages/engine/src'))),
  ];
  const wanted = new Set<string>();
  for (const file of sources) {
    const text = await readFile(file, 'utf8');
    // Types vanish when it is built.
    for (const [, name = ''] of text.replaceAll(/typeof import\([^)]*\)/g, '').matchAll(late))
      wanted.add(basename(name, '.ts'));
  }
  expect([...wanted].sort()).toEqual([...loaded].sort());
  expect(wanted.size).toBeGreaterThan(3);
});
