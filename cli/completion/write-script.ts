/** Completion scripts for shells. Pure. */
import type { CommandWords, OptionWords, ProgramWords } from './describe-program.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function writeCompletion(shell: Shell, program: ProgramWords): string {
  switch (shell) {
    case 'bash':
      return writeBash(program);
    case 'zsh':
      return writeZsh(program);
    case 'fish':
      return writeFish(program);
    default:
      return shell satisfies never;
  }
}

const flagsOf = ({ short, long }: OptionWords): string[] => (short === null ? [long] : [short, long]);

function writeBash({ name, options, commands }: ProgramWords): string {
  const values = commands.flatMap((command) =>
    command.options
      .filter(({ choices }) => choices !== null)
      .map((option) => {
        const cases = flagsOf(option).map((flag) => `'${command.name} ${flag}'`);
        return `    ${cases.join(' | ')}) words='${option.choices!.join(' ')}' ;;`;
      }),
  );
  const flags = commands.map(
    (command) =>
      `    ${command.name}) flags='${command.options.flatMap(flagsOf).join(' ')}'${argumentWords(command)} ;;`,
  );
  const first = [...commands.map((command) => command.name), ...options.flatMap(flagsOf)].join(' ');
  return `# Completes ${name} in bash: eval "$(${name} completion bash)"
_batch_upload() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} words='' flags=''
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W '${first}' -- "$current")
    return
  fi
  case "\${COMP_WORDS[1]} $previous" in
${values.join('\n')}
  esac
  if [[ -z $words ]]; then
    case "\${COMP_WORDS[1]}" in
${flags.map((line) => `  ${line}`).join('\n')}
    esac
    [[ $current == -* ]] && words=$flags
  fi
  if [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}
complete -o filenames -F _batch_upload ${name}
`;
}

function argumentWords({ argumentChoices }: CommandWords): string {
  return argumentChoices === null ? '' : ` words='${argumentChoices.join(' ')}'`;
}

/** Quotes a text for zsh, to which brackets and colons mean something. */
function zshText(text: string): string {
  return text.replaceAll("'", "'\\''").replace(/[[\]:]/g, '\\$&');
}

function writeZsh({ name, commands }: ProgramWords): string {
  const argument = (option: OptionWords): string =>
    option.takesValue ? `:value:${option.choices === null ? '_files' : `(${option.choices.join(' ')})`}` : '';
  const spec = (option: OptionWords): string[] =>
    flagsOf(option).map((flag) => `      '${flag}[${zshText(option.description)}]${argument(option)}'`);
  const cases = commands.map((command) => {
    const words = command.argumentChoices === null ? '_files' : `(${command.argumentChoices.join(' ')})`;
    return `    ${command.name})\n      _arguments \\\n${[...command.options.flatMap(spec), `      '1:argument:${words}'`].join(' \\\n')}\n      ;;`;
  });
  return `#compdef ${name}
# Completes ${name} in zsh: eval "$(${name} completion zsh)", or put the script into a folder of $fpath as _${name}.
_batch_upload() {
  if ((CURRENT == 2)); then
    local -a commands=(
${commands.map((command) => `      '${command.name}:${zshText(command.summary)}'`).join('\n')}
    )
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${cases.join('\n')}
  esac
}
compdef _batch_upload ${name}
`;
}

function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function writeFish({ name, commands }: ProgramWords): string {
  const lines = commands.flatMap((command) => {
    const seen = `__fish_seen_subcommand_from ${command.name}`;
    const words = command.argumentChoices;
    return [
      `complete -c ${name} -n __fish_use_subcommand -f -a ${command.name} -d ${fishText(command.summary)}`,
      ...command.options.map(({ short, long, description, takesValue, choices }) => {
        const flags = `${short === null ? '' : ` -s ${short.slice(1)}`} -l ${long.slice(2)}`;
        const value = choices === null ? (takesValue ? ' -r' : '') : ` -x -a ${fishText(choices.join(' '))}`;
        return `complete -c ${name} -n ${fishText(seen)}${flags}${value} -d ${fishText(description)}`;
      }),
      ...(words === null ? [] : [`complete -c ${name} -n ${fishText(seen)} -f -a ${fishText(words.join(' '))}`]),
    ];
  });
  return `# Completes ${name} in fish: ${name} completion fish | source\n${lines.join('\n')}\n`;
}
