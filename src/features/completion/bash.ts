/**
 * A script for bash 3.2 and newer, without the package bash-completion.
 *
 * Bash takes "=" and ":" for ends of words, so the word under the cursor is read from the line itself, and what is offered
 * begins after the last of these.
 */
import { type ShellCommand, UNNAMED, type Values } from './shell-command.ts';

export function bashScript(commands: readonly ShellCommand[]): string {
  return `# bash completion of pillion: source <(pillion completion bash)
_pillion_options() {
  case "$1" in
${commands.map(({ name, options }) => `    ${name}) echo "${options.map((option) => `--${option.name}${option.placeholder === '' ? '' : '='}`).join(' ')} --help" ;;`).join('\n')}
  esac
}

_pillion_words() {
  case "$1" in
${commands
  .filter(({ words }) => words.length > 0)
  .map(({ name, words }) => `    ${name}) echo "${words.join(' ')}" ;;`)
  .join('\n')}
  esac
}

_pillion_values() {
  case "$1 $2" in
${valueLines(commands).join('\n')}
  esac
}

_pillion_paths() {
  local path word
  while IFS= read -r path; do
    # A file's name may be a command: it stands on the line as one quoted word, but for a "~" that the shell replaces.
    if [[ "$path" == "~"* ]]; then printf -v word '~%q' "\${path#"~"}"; else printf -v word %q "$path"; fi
    if [[ "$path" == "~" ]]; then word="~"; fi
    if [ -d "$path" ]; then COMPREPLY+=("$word/"); else COMPREPLY+=("$word "); fi
  done < <(compgen -f -- "$1")
}

_pillion() {
  local line="\${COMP_LINE:0:COMP_POINT}" word command option values known prefix i
  word="\${line##*[[:space:]]}"
  command=${UNNAMED}
  if [ "$COMP_CWORD" -gt 1 ] && [[ "\${COMP_WORDS[1]}" != -* ]]; then command="\${COMP_WORDS[1]}"; fi
  COMPREPLY=()
  if [[ "$word" == --*=* ]]; then
    option="\${word%%=*}"
    word="\${word#*=}"
  elif [[ "$word" != -* && "\${line% *}" =~ (--[a-z0-9_-]+)\\ *$ ]]; then
    option="\${BASH_REMATCH[1]}"
    [[ " $(_pillion_options "$command") " == *" $option= "* ]] || option=
  fi
  if [ -n "$option" ]; then
    values="$(_pillion_values "$command" "\${option//-/_}")"
    if [ "$values" = "<path>" ]; then _pillion_paths "$word"; else COMPREPLY=($(compgen -W "$values" -- "$word")); fi
  elif [[ "$word" == -* ]]; then
    COMPREPLY=($(compgen -W "$(_pillion_options "$command")" -- "$word"))
  elif [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(' ')}" -- "$word"))
  else
    known="$(_pillion_words "$command")"
    if [ -n "$known" ]; then COMPREPLY=($(compgen -W "$known" -- "$word")); else _pillion_paths "$word"; fi
  fi
  # An option waits for its value, a folder for more; anything else is whole.
  for i in "\${!COMPREPLY[@]}"; do
    case "\${COMPREPLY[$i]}" in *=|*/|*' ') ;; *) COMPREPLY[$i]="\${COMPREPLY[$i]} " ;; esac
  done
  # What stands before the last ":" stays on the line.
  if [[ "$word" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
    prefix="\${word%"\${word##*:}"}"
    for i in "\${!COMPREPLY[@]}"; do COMPREPLY[$i]="\${COMPREPLY[$i]#"$prefix"}"; done
  fi
}
complete -o nospace -F _pillion pillion
`;
}

/** A line for each kind of value of each option that has one, by the command. */
function valueLines(commands: readonly ShellCommand[]): readonly string[] {
  return commands.flatMap(({ name, options }) =>
    options.flatMap((option) => {
      const values = shown(option.values);
      return values === '' ? [] : [`    "${name} __${option.name}") echo "${values}" ;;`];
    }),
  );
}

function shown(values: Values): string {
  if (values === 'any') return '';
  return values === 'path' ? '<path>' : values.join(' ');
}
