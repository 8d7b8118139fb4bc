/** The commands and options as shells complete them. */
import type { Option } from '../../config/options/option-types.ts';
import type { Command } from '../../kernel/command.ts';

/** Words to choose from; a path; or something that nobody can guess. */
export type Values = readonly string[] | 'path' | 'any';

export interface ShellOption {
  readonly name: string;
  /** One sentence without its full stop. */
  readonly help: string;
  /** The word after `=` in --help; empty for a boolean. */
  readonly placeholder: string;
  readonly values: Values;
}

export interface ShellCommand {
  readonly name: string;
  readonly help: string;
  readonly words: readonly string[];
  readonly options: readonly ShellOption[];
}

export function shellCommands(commands: readonly Command[]): readonly ShellCommand[] {
  return commands.map((command) => ({
    name: command.name,
    help: helpOf(command),
    words: command.words ?? [],
    options: Object.entries(command.options?.() ?? {}).map(([name, option]) => ({
      name,
      help: firstSentence(option.help),
      placeholder: option.placeholder,
      values: valuesOf(option),
    })),
  }));
}

/** The command that a command line without its name has. */
export const UNNAMED = 'serve';

/** The first line of a --help is "pillion NAME: what it does". */
function helpOf(command: Command): string {
  return /^pillion [^:\n]+: (.+)/.exec(command.help())?.[1] ?? '';
}

function firstSentence(help: string): string {
  return help.split(/[.;:](?: |$)/, 1)[0]!;
}

function valuesOf({ oneOf, placeholder }: Option<unknown>): Values {
  if (oneOf !== undefined) return oneOf;
  if (placeholder === '') return ['true', 'false'];
  return /FILE|DIR|PATH/.test(placeholder) ? 'path' : 'any';
}
