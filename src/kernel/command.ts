/**
 * A command of `pillion`: its name, its lines of help, its options and how it runs, in one file. The kernel's are in
 * src/cli/commands/, a feature brings its own. Every command line reads all of these files, so that `run` imports what it
 * needs: `pillion await` stays beside an application, and `pillion drain` runs in a sidecar's memory limit.
 */
import process from 'node:process';
import type { Backends } from '../backends/backends.ts';
import { readCommandLine } from '../config/command-line.ts';
import {
  flagLayer,
  type OptionLayer,
  type OptionTable,
  type OptionValues,
  readOptions,
} from '../config/read-options.ts';

/** The parts of a program that a command may ask for. */
export interface Program {
  /** The runtimes that its servers have. */
  readonly backends: Backends;
  /** All that there are, in the order of `pillion help`. */
  readonly commands: readonly Command[];
}

export interface Command {
  /** The first word of its command line. */
  readonly name: string;
  /** How a list of the commands names it. Default: by its name. */
  readonly shown?: string;
  /** Its lines of `pillion help`, without the word pillion. */
  readonly usage: readonly string[];
  /** The words that may follow its name, for completion. Default: none are known. */
  readonly words?: readonly string[];
  /** The options that it takes, for completion. Default: none. */
  readonly options?: () => OptionTable;
  /** The text of its --help. */
  help(): string;
  /**
   * Resolves with the exit status; undefined = the process goes on. `args` are the words after its name, --help not among
   * them. Throws a UsageError for a wrong command line.
   */
  run(args: readonly string[], program: Program): Promise<number | undefined>;
}

/** `pillion serve` by another name, for the command line of another server. */
export interface ServeAs extends Pick<Command, 'name' | 'usage' | 'help'> {
  /** Its words → those of serve. */
  args(args: readonly string[]): readonly string[];
  /** Its defaults where they are others, as ConfigSource has them. */
  defaults(above: readonly OptionLayer[]): OptionLayer;
}

/** Thrown if the command line is wrong. */
export class UsageError extends Error {
  /** All mistakes of the command line, each as a text. */
  readonly mistakes: readonly string[];
  /** The command whose --help lists what there is. */
  readonly command: string;

  constructor(mistakes: readonly string[], command = 'serve') {
    super(mistakes.join('\n'));
    this.name = 'UsageError';
    this.mistakes = mistakes;
    this.command = command;
  }
}

/** How the options were given. */
interface GivenLine {
  /** Names of the options that were given. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  /** The words after `--`; undefined without it. */
  readonly words: readonly string[] | undefined;
  /** Its own words that are no options. */
  readonly arguments: readonly string[];
}

export interface OptionCommandSpec<T extends OptionTable> extends Omit<Command, 'help' | 'run' | 'options'> {
  /** The text of --help above the options, which are listed below it. */
  readonly help: string;
  /** They are read from the command line alone; in the environment, PILLION_MODEL is an option of serve. */
  readonly options: T;
  /** It takes words after `--`. Default: it does not. */
  readonly takesWords?: boolean;
  /** It takes words that are no options. Default: they are mistakes. */
  readonly takesArguments?: boolean;
  /** The mistakes that the table cannot see. */
  readonly check?: (options: OptionValues<T>, line: GivenLine) => readonly string[];
  readonly run: (options: OptionValues<T>, line: GivenLine, program: Program) => Promise<number>;
}

type ReadOptions<T extends OptionTable> =
  | { readonly options: OptionValues<T>; readonly line: GivenLine; readonly errors?: undefined }
  | { readonly errors: readonly string[]; readonly options?: undefined };

/** A command whose options are a table. */
export class OptionCommand<T extends OptionTable> implements Command {
  readonly name: string;
  readonly usage: readonly string[];
  readonly #spec: OptionCommandSpec<T>;

  constructor(spec: OptionCommandSpec<T>) {
    this.name = spec.name;
    this.usage = spec.usage;
    this.#spec = spec;
  }

  readonly options = (): OptionTable => this.#spec.options;

  help(): string {
    return `${this.#spec.help}\n${describeOptions(this.#spec.options)}\n`;
  }

  /** The options' values, or every mistake. */
  read(args: readonly string[]): ReadOptions<T> {
    const { options: table, takesWords = false, takesArguments = false, check } = this.#spec;
    const [own, words] = takesWords || takesArguments ? splitWords(args) : [args, undefined];
    const { given, arguments: others, errors: mistakes } = readCommandLine({ options: table, takesArguments }, own);
    const errors = [...mistakes];
    const { values } = readOptions(table, [flagLayer(given)], errors);
    // A command without words of its own: those after `--` are arguments that begin with a sign.
    const line = { given, words, arguments: takesWords ? others : [...others, ...(words ?? [])] };
    errors.push(...(check?.(values, line) ?? []));
    return errors.length > 0 ? { errors } : { options: values, line };
  }

  async run(args: readonly string[], program: Program): Promise<number> {
    const read = this.read(args);
    if (read.errors !== undefined) throw new UsageError(read.errors, this.name);
    return this.#spec.run(read.options, read.line, program);
  }
}

/** Own words and, if there is a `--`, the words after it. */
export function splitWords(
  args: readonly string[],
): readonly [own: readonly string[], words: readonly string[] | undefined] {
  const at = args.indexOf('--');
  return at === -1 ? [args, undefined] : [args.slice(0, at), args.slice(at + 1)];
}

/** Writes to standard output. Whoever reads it may stop, as `head` does: the command ends then. */
export function print(text: string): void {
  if (!process.stdout.listeners('error').includes(endUnread)) process.stdout.on('error', endUnread);
  process.stdout.write(text);
}

function endUnread({ code, message }: NodeJS.ErrnoException): void {
  if (code !== 'EPIPE') process.stderr.write(`pillion: standard output cannot be written: ${message}\n`);
  process.exit(code === 'EPIPE' ? undefined : 1);
}

/** The options for --help, each with its help and its default. */
export function describeOptions(table: OptionTable): string {
  return Object.entries(table)
    .map(([name, { placeholder, default: value, help }]) => {
      const flag = placeholder === '' ? `--${name}` : `--${name}=${placeholder}`;
      const shown = String(value);
      const text = shown === '' ? help : `${help} (default ${shown})`;
      return `  ${flag}\n${text.replaceAll(/(.{1,92}|\S+)(?: |$)/g, '        $1\n')}`;
    })
    .join('')
    .trimEnd();
}
