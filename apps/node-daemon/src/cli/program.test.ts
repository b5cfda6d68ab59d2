import { execFileSync } from 'node:child_process';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { completables, completionScript, shells } from './completion.ts';
import { buildProgram } from './program.ts';

const program = buildProgram();

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

const pathOf = (command: Command): string =>
  command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();

test.each(everyCommand(program).map((command) => [pathOf(command), command] as const))(
  '"%s --help" says what it does and what each option means',
  (path, command) => {
    expect(command.description(), path).not.toBe('');
    for (const option of command.options) expect(option.description, `${path} ${option.flags}`).not.toBe('');
    expect(command.helpInformation()).toContain(`Usage: ${path}`);
  },
);

test('completion knows every command of the tree, with the options of the whole program', () => {
  const all = completables(program);
  expect(all.map(({ path }) => `quantadb ${path}`.trim()).sort()).toEqual(
    everyCommand(program).map(pathOf).sort(),
  );
  const list = all.find(({ path }) => path === 'backup list');
  expect(list?.options.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['--json', '--cluster', '--help']),
  );
});

test.each(shells)('the script for %s names every command', (shell) => {
  const script = completionScript(shell, program);
  for (const { path } of completables(program)) expect(script).toContain(`'${path}'`);
});

function completedByBash(line: string): string[] {
  const words = line.split(' ');
  const ask = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _quantadb; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const script = `${completionScript('bash', program)}\n${ask}`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
}

test('bash completes commands below commands, and passes over options with their values', () => {
  expect(completedByBash('quantadb back')).toEqual(['backup']);
  expect(completedByBash('quantadb backup ')).toContain('configure');
  expect(completedByBash('quantadb --cluster backup operations ')).toContain('retry');
  expect(completedByBash('quantadb node remove --rea')).toEqual(['--reason']);
  expect(completedByBash('quantadb status --cluster ')).toEqual(['']);
});
