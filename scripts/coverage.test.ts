import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { rules } from '../packages/api/src/alerts/rules.ts';

/** docs/operations/coverage.md speaks of everything that runs, and of nothing that there is not. */

const root = fileURLToPath(new URL('../', import.meta.url));
const page = readFileSync(`${root}docs/operations/coverage.md`, 'utf8');

it('names every place that starts a process or a thread', () => {
  const sources = ['packages/engine/src', 'packages/api/src', 'apps/node-daemon/src'].flatMap((directory) =>
    readdirSync(`${root}${directory}`, { recursive: true, encoding: 'utf8' })
      .map((file) => `${directory}/${file}`)
      .filter((file) => file.endsWith('.ts') && !/[.]test[.]ts$|\/testing\//.test(file)),
  );
  const starting = sources.filter((file) =>
    /(?<![.\w])(spawn|fork|execFile|exec)\(\w|new Worker\(/.test(readFileSync(`${root}${file}`, 'utf8')),
  );
  expect(starting.length).toBeGreaterThan(5);
  expect(starting.filter((file) => !page.includes(`\`${file}\``))).toEqual([]);
});

it('names every alert rule, and only those that there are', () => {
  const ids = rules.map(({ id }) => id);
  expect(ids.filter((id) => !page.includes(`\`${id}\``))).toEqual([]);
  const lines = page.split('\n').filter((line) => line.startsWith('| '));
  const named = lines.flatMap((line) =>
    [...line.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map((match) => match[1]),
  );
  expect(named.filter((id) => !ids.includes(id ?? ''))).toEqual([]);
});

it('names for every alert rule the test in which it fires by its real cause', () => {
  const list = page.slice(page.indexOf('## What makes each rule fire'));
  const rows = [...list.matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+) \| `([^`]+)` \|/gm)];
  const places = rows.flatMap(([, named = '', file = '']) =>
    [...named.matchAll(/`([a-z-]+)`/g)].map(([, id = '']) => ({ id, file })),
  );
  expect(places.map(({ id }) => id).toSorted()).toEqual(rules.map(({ id }) => id).toSorted());
  // These wait until the rule, as the console has it, says what is wrong.
  const fires = (id: string) =>
    new RegExp(`(untilTold|nowTold|untilFires|expectFired|toContain|told)\\([^;]*?'${id}'`, 's');
  const missing = places.filter(({ id, file }) => !fires(id).test(readFileSync(`${root}${file}`, 'utf8')));
  expect(missing).toEqual([]);
});

it('names every kind of process that PostgreSQL has', () => {
  const kinds = [
    ...[
      'client backend',
      'parallel worker',
      'walsender',
      'walreceiver',
      'startup',
      'archiver',
      'checkpointer',
    ],
    ...['autovacuum launcher', 'autovacuum worker', 'logical replication launcher', 'background writer'],
    ...['logical replication worker', 'slotsync worker', 'walwriter', 'walsummarizer', 'io worker'],
  ];
  expect(kinds.filter((kind) => !page.includes(`\`${kind}\``))).toEqual([]);
});

it('sends its readers to places that are there', () => {
  for (const [, file = '', heading] of page.matchAll(/\]\(([\w./-]+\.md)(?:#([\w-]+))?\)/g)) {
    const text = readFileSync(new URL(file, new URL('../docs/operations/', import.meta.url)), 'utf8');
    const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replace(/\s/g, '-'),
    );
    if (heading) expect(headings, file).toContain(heading);
  }
});
