/** A script for zsh, for its completion system: each option with its help. */
import { type ShellCommand, type ShellOption, UNNAMED } from './shell-command.ts';

export function zshScript(commands: readonly ShellCommand[]): string {
  return `#compdef pillion
# zsh completion of pillion: source <(pillion completion zsh)
_pillion() {
  local -a commands
  commands=(
${commands.map(({ name, help }) => `    ${quoted(`${name}:${help}`)}`).join('\n')}
  )
  if (( CURRENT == 2 )) && [[ "\${words[2]}" != -* ]]; then
    _describe command commands
    return
  fi
  local command=${UNNAMED}
  if [[ "\${words[2]}" != -* ]]; then
    command="\${words[2]}"
    shift words
    (( CURRENT-- ))
  fi
  case "$command" in
${commands.map(branch).join('\n')}
  esac
}
if (( $+functions[compdef] )); then compdef _pillion pillion; fi
`;
}

function branch({ name, words, options }: ShellCommand): string {
  const first = words.length > 0 ? `1:word:(${words.join(' ')})` : '*:file:_files';
  const specs = [...options.map(specOf), '--help[Lists the options]', first];
  return `    ${name}) _arguments ${specs.map((spec) => `\\\n      ${quoted(spec)}`).join(' ')} ;;`;
}

/** "*--port=[TCP port of gRPC]:N:". A boolean takes its value only after "=". */
function specOf({ name, help, placeholder, values }: ShellOption): string {
  const text = help.replaceAll(/[[\]\\]/g, '\\$&');
  const action = values === 'any' ? ' ' : values === 'path' ? '_files' : `(${values.join(' ')})`;
  if (placeholder === '') return `*--${name}=-[${text}]::${action}`;
  return `*--${name}=[${text}]:${placeholder.replaceAll(':', '\\:')}:${action}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
