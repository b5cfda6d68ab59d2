import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { buildProgram } from '../apps/node-daemon/src/cli/program.ts';
import { rules } from '../packages/api/src/alerts/rules.ts';

/** What people are told to type, in runbooks, in the console's dialogs and in the documents, is what the command line takes. */

type Command = ReturnType<typeof buildProgram>;
type Option = Command['options'][number];
interface Intent {
  kind: string;
  [more: string]: unknown;
}

// Not known by its types here: those of the console's framework change everybody's.
const intentFile: string = '../apps/console/features/operations/intent.ts';
const { commandFor, commandOf } = (await import(intentFile)) as {
  commandFor(intent: Intent, cluster: string | null): string;
  commandOf(intent: Intent): string;
};
const program = buildProgram();
const root = fileURLToPath(new URL('../', import.meta.url));

/** As a shell splits it, for the quotes that are used here. */
function wordsOf(text: string): string[] {
  const words = text.match(/(?:'[^']*'|"[^"]*"|\\.|[^\s'"\\])+/g) ?? [];
  return words.map((word) => word.replace(/'([^']*)'|"([^"]*)"|\\(.)/g, '$1$2$3'));
}

/** Why the program would not take these words; null: it would. */
function whyNot(words: string[]): string | null {
  let command: Command = program;
  const given: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (word.startsWith('-')) {
      const [name, value] = word.split('=');
      if (name === '--help') continue;
      const option = optionOf(command, name ?? '');
      if (!option) return `${command.name()} has no option ${name}`;
      // One that takes several takes all that follow.
      const takes = option.variadic ? words.slice(at + 1).findIndex((each) => each.startsWith('-')) : 1;
      const count = takes < 0 ? words.length - at - 1 : takes;
      if (option.required && value === undefined && count === 0) return `${name} needs a value`;
      if (option.required && value === undefined) at += count;
      continue;
    }
    const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
    if (next && given.length === 0) command = next;
    else given.push(word);
  }
  const takes = command.registeredArguments;
  const needed = takes.filter(({ required }) => required).length;
  const isOpen = takes.some(({ variadic }) => variadic);
  if (command.commands.length > 0 && given.length > 0 && takes.length === 0) return `no command ${given[0]}`;
  if (given.length < needed) return `${command.name()} needs ${needed} arguments: ${given.join(' ')}`;
  return isOpen || given.length <= takes.length ? null : `${command.name()} takes no ${given.at(-1)}`;
}

function optionOf(command: Command, name: string): Option | undefined {
  const all = [...command.options, ...program.options];
  return all.find(({ long, short }) => long === name || short === name);
}

/** Every part of a line that calls the program. */
function callsIn(line: string): string[][] {
  return line
    .replace(/<[^>]*>/g, 'x')
    .split(/&&|\|\||[;|]|#/)
    .map((part) => part.trim())
    .filter((part) => /^quantadb\s/.test(part))
    .map((part) => wordsOf(part).slice(1));
}

it('can tell', () => {
  expect(whyNot(wordsOf('logs node-1'))).toMatch('takes no node-1');
  expect(whyNot(wordsOf('logs --of node-1 --search x'))).toBeNull();
  expect(whyNot(wordsOf('switchover --nonsense'))).toMatch('no option');
  expect(whyNot(wordsOf("parameters --reset a 'b=1'")), 'an option that takes several').toBeNull();
  expect(whyNot(wordsOf('nonsense'))).not.toBeNull();
});

it('runbooks of alerts name commands that there are, and the units that there are', () => {
  const commands = rules.map(({ id, runbook }) => ({ id, command: runbook.command }));
  const wrong = commands.flatMap(({ id, command }) =>
    callsIn(command)
      .flatMap((words) => whyNot(words) ?? [])
      .map((why) => `${id}: ${why}`),
  );
  expect(wrong).toEqual([]);
  const units = commands.filter(({ command }) =>
    /(journalctl -u|systemctl \w+) (?!'quantadb-\*')/.test(command),
  );
  expect(units).toEqual([]);
});

const target = { kind: 'time', atMs: 0, inclusive: false } as const;
const intents: Intent[] = [
  { kind: 'set-maintenance', node: 'node-1', on: { minutes: 15 } },
  { kind: 'set-maintenance', node: 'node-1', on: { minutes: null } },
  { kind: 'set-maintenance', node: 'node-1', on: null },
  { kind: 'start-backup', work: { kind: 'look', target } },
  { kind: 'start-backup', work: { kind: 'backup', type: 'diff', repository: 2 } },
  { kind: 'start-backup', work: { kind: 'drill', repository: 2 } },
  { kind: 'set-parameters', parameters: { a: null, 'b.c': "it's", work_mem: '8MB' } },
  { kind: 'create-restore-point', name: "before anna's release" },
  { kind: 'hold-backup', label: '20261127-013000F', note: "anna's" },
  { kind: 'hold-backup', label: '20261127-013000F', note: null },
  { kind: 'switchover', to: 'node-2' },
  { kind: 'set-access', change: { add: ["host all 'x' all reject"], remove: ['local all all peer'] } },
  { kind: 'restore-in-place', target: { kind: 'name', name: 'a b' }, insist: true, confirm: null },
];

it.each(intents.map((intent) => [commandOf(intent), intent] as const))(
  'the dialog’s %s is understood',
  (text, intent) => {
    const calls = callsIn(commandFor(intent, 'demo'));
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.map(whyNot)).toEqual(calls.map(() => null));
    expect(text).not.toContain('undefined');
  },
);

it('what is chosen in a dialog is in its command', () => {
  const of = (index: number) => commandOf(intents[index] as Intent);
  expect([of(0), of(1)]).toEqual([
    'quantadb maintenance on node-1 --minutes 15',
    'quantadb maintenance on node-1 --forever',
  ]);
  expect(of(3)).toBe("quantadb backup look --time '1970-01-01T00:00:00.000Z' --exclusive");
  expect(of(4)).toBe('quantadb backup now --type diff --repository 2');
  // An option that takes several names takes everything after it.
  expect(of(6)).toMatch(/^quantadb parameters '?b\.c=.*work_mem=8MB.* --reset a$/);
  expect(wordsOf(of(7)).at(-1)).toBe("before anna's release");
  expect(commandFor(intents[10] as Intent, 'demo')).toBe('quantadb --cluster demo switchover --to node-2');
});

it('the documents name commands that there are', () => {
  const files = [
    'README.md',
    ...readdirSync(`${root}docs/operations`).map((name) => `docs/operations/${name}`),
  ];
  const wrong = files.flatMap((file) => {
    const text = readFileSync(`${root}${file}`, 'utf8');
    const blocks = [...text.matchAll(/^```[a-z]*\n(.*?)^```/gms)].map(([, block = '']) => block);
    const lines = blocks.join('\n').replace(/\\\n/g, ' ').split('\n');
    // Lines with a choice or a part that is left out are for people only.
    return lines
      .filter((line) => !/…|\.\.\.|\[|\|/.test(line))
      .flatMap((line) => callsIn(line.trim()))
      .flatMap((words) => whyNot(words) ?? [])
      .map((why) => `${file}: ${why}`);
  });
  expect(wrong).toEqual([]);
});
