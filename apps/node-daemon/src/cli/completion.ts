import type { Command } from 'commander';

/** What can follow a command, from the tree that the program itself runs (pure). */
export interface Completable {
  /** `backup list`; the program itself is the empty text. */
  path: string;
  commands: { name: string; description: string }[];
  options: { name: string; description: string; takesValue: boolean }[];
}

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export function completables(command: Command, above: Completable | null = null): Completable[] {
  const path = above === null ? '' : `${above.path} ${command.name()}`.trim();
  const commands = command.commands.map((each) => ({ name: each.name(), description: each.description() }));
  const own = command.options.map(({ long, short, description, required, optional }) => ({
    ...{ name: long ?? short ?? '', description, takesValue: required || optional },
  }));
  // Options of the program are understood behind every command.
  const inherited = above?.options.filter(({ name }) => !own.some((each) => each.name === name)) ?? [];
  const help = [{ name: '--help', description: 'what it does', takesValue: false }];
  const options = above === null ? [...own, ...help] : [...own, ...inherited];
  const here = { path, commands, options };
  const passedOn = { ...here, options: above === null ? options : above.options };
  return [here, ...command.commands.flatMap((each) => completables(each, passedOn))];
}

export function completionScript(shell: Shell, program: Command): string {
  const all = completables(program);
  switch (shell) {
    case 'bash':
      return bashScript(program.name(), all);
    case 'zsh':
      return zshScript(program.name(), all);
    case 'fish':
      return fishScript(program.name(), all);
  }
}

/** The words that are commands make the path (which zsh has another meaning for); what belongs to an option is passed over. */
function walkInSh(all: Completable[]): string {
  const takers = new Set(
    all.flatMap(({ options }) => options.filter((each) => each.takesValue).map(({ name }) => name)),
  );
  const paths = all.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`);
  return `  local walked='' word skip=''
  for word in "\${before[@]}"; do
    if [[ -n $skip ]]; then skip=''; continue; fi
    case "$word" in
      ${[...takers].sort().join('|')}) skip=1; continue ;;
      -*) continue ;;
    esac
    case "\${walked:+$walked }$word" in
      ${paths.join('|')}) walked="\${walked:+$walked }$word" ;;
    esac
  done
  if [[ -n $skip ]]; then return; fi`;
}

function bashScript(name: string, all: Completable[]): string {
  const cases = all.map(({ path, commands, options }) => {
    const words = [...commands.map((each) => each.name), ...options.map((each) => each.name)];
    return `    '${path}') words='${words.join(' ')}' ;;`;
  });
  return `# Completion of ${name} for bash. Once: source <(${name} completion bash)
_${name}() {
  local before=("\${COMP_WORDS[@]:1:COMP_CWORD-1}") current="\${COMP_WORDS[COMP_CWORD]}" words=''
${walkInSh(all)}
  case "$walked" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${name} ${name}
`;
}

function zshScript(name: string, all: Completable[]): string {
  const entry = (each: { name: string; description: string }) =>
    `'${`${each.name.replaceAll(':', '\\:')}:${each.description}`.replaceAll("'", "'\\''")}'`;
  const cases = all.map(({ path, commands, options }) => {
    const words = [...commands, ...options].map(entry);
    return `    '${path}') choices=(${words.join(' ')}) ;;`;
  });
  return `#compdef ${name}
# Completion of ${name} for zsh. Once: source <(${name} completion zsh)
_${name}() {
  local -a before choices
  before=("\${(@)words[2,CURRENT-1]}")
${walkInSh(all)}
  case "$walked" in
${cases.join('\n')}
  esac
  _describe '${name}' choices || _files
}
compdef _${name} ${name}
`;
}

function fishScript(name: string, all: Completable[]): string {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = all.flatMap(({ path, commands, options }) => {
    const when = `-n ${quote(`__${name}_at ${quote(path)}`)}`;
    return [
      ...commands.map(
        (each) => `complete -c ${name} ${when} -f -a ${each.name} -d ${quote(each.description)}`,
      ),
      ...options.map(
        (each) =>
          `complete -c ${name} ${when} -l ${each.name.replace(/^-+/, '')}${each.takesValue ? ' -r' : ''} -d ${quote(each.description)}`,
      ),
    ];
  });
  const paths = all.filter(({ path }) => path !== '').map(({ path }) => quote(path));
  const takers = [
    ...new Set(
      all.flatMap(({ options }) => options.filter((each) => each.takesValue).map((each) => each.name)),
    ),
  ];
  return `# Completion of ${name} for fish. Once: ${name} completion fish | source
function __${name}_at
  set -l path ''
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    if test $skip = 1
      set skip 0
      continue
    end
    if contains -- $word ${takers.join(' ')}
      set skip 1
      continue
    end
    set -l next (string trim -- "$path $word")
    contains -- "$next" ${paths.join(' ')}; and set path "$next"
  end
  test "$path" = "$argv[1]"
end
${lines.join('\n')}
`;
}
