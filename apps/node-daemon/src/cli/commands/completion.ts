import { Argument, type Command } from 'commander';
import { completionScript, type Shell, shells } from '../completion.ts';

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'which one').choices(shells))
    .addHelpText(
      'after',
      '\nIn bash: source <(quantadb completion bash); in fish: quantadb completion fish | source',
    )
    .action((shell: Shell) => {
      process.stdout.write(completionScript(shell, program));
    });
}
