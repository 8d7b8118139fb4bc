/** A script for fish: each option with its help. */
import { type ShellCommand, type ShellOption, UNNAMED } from './shell-command.ts';

export function fishScript(commands: readonly ShellCommand[]): string {
  return `# fish completion of pillion: pillion completion fish >~/.config/fish/completions/pillion.fish
function __pillion_command
    set -l words (commandline -opc)
    set -e words[1]
    if test (count $words) -eq 0; or string match -q -- '-*' $words[1]
        echo ${UNNAMED}
    else
        echo $words[1]
    end
end
function __pillion_is
    test (__pillion_command) = $argv[1]
end
function __pillion_at_command
    test (count (commandline -opc)) -eq 1
end
complete -c pillion -n __pillion_at_command -f
${commands.map(({ name, help }) => `complete -c pillion -n __pillion_at_command -a ${name} -d ${quoted(help)}`).join('\n')}
${commands.flatMap(linesOf).join('\n')}
`;
}

function linesOf({ name, words, options }: ShellCommand): readonly string[] {
  const of = `complete -c pillion -n '__pillion_is ${name}'`;
  const first = words.length === 0 ? [] : [`${of} -f -a ${quoted(words.join(' '))}`];
  return [...first, ...options.map((option) => `${of} ${optionWords(option)} -d ${quoted(option.help)}`)];
}

function optionWords({ name, placeholder, values }: ShellOption): string {
  const flag = `-l ${name}`;
  if (placeholder === '') return flag;
  if (values === 'path') return `${flag} -rF`;
  return values === 'any' ? `${flag} -x` : `${flag} -xa ${quoted(values.join(' '))}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
