/**
 * Command line → the texts given for each option. Accepts `--x=v` and `--x v`, with dashes or underscores. A boolean
 * may stand alone, and takes its value only after `=`. A flag of TensorFlow Serving without a meaning here gives a
 * warning; any other unknown flag is an error that suggests the nearest known one. Other words are errors, unless the
 * command takes them.
 */
import { nearestName } from './nearest-name.ts';
import { absentOption, type ConfigKeys, type IgnoredFlags, leftOut, type OptionTable } from './read-options.ts';
import { type IgnoredFlag, TENSORFLOW_FLAGS } from './tensorflow-flags.ts';

type FlagKeys = Pick<ConfigKeys, 'options' | 'ignoredFlags' | 'absent'> & {
  /** Words that are no options are taken. Default: they are errors. */
  readonly takesArguments?: boolean;
};

interface CommandLine {
  /** The texts of each option, in order. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  /** The words that are no options, in order. */
  readonly arguments: readonly string[];
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

export function readCommandLine(keys: FlagKeys, args: readonly string[]): CommandLine {
  const reader = new CommandLineReader(keys, args);
  reader.read();
  return reader;
}

class CommandLineReader implements CommandLine {
  readonly given = new Map<string, string[]>();
  readonly arguments: string[] = [];
  readonly errors: string[] = [];
  readonly warnings: string[] = [];
  readonly #keys: Pick<FlagKeys, 'absent' | 'takesArguments'>;
  readonly #table: OptionTable;
  readonly #ignored: IgnoredFlags;
  readonly #args: readonly string[];
  #next = 0;

  constructor(keys: FlagKeys, args: readonly string[]) {
    this.#keys = keys;
    this.#table = keys.options;
    this.#ignored = { ...keys.ignoredFlags, ...TENSORFLOW_FLAGS };
    this.#args = args;
  }

  read(): void {
    while (this.#next < this.#args.length) {
      const argument = this.#args[this.#next++]!;
      const match = /^--?([^=]+)(?:=([\s\S]*))?$/.exec(argument);
      if (match === null && this.#keys.takesArguments === true) this.arguments.push(argument);
      else if (match === null) this.errors.push(`"${argument}" is no option; options look like --port=8500`);
      else this.#option(match[1]!, match[2]);
    }
  }

  #option(written: string, given: string | undefined): void {
    const spelled = written.replaceAll('-', '_');
    const renamed = Object.entries(this.#table).find(([, { otherName }]) => otherName === spelled);
    const name = renamed?.[0] ?? spelled;
    const option = Object.hasOwn(this.#table, name) ? this.#table[name] : undefined;
    const ignored = Object.hasOwn(this.#ignored, name) ? this.#ignored[name] : undefined;
    if (option === undefined && ignored === undefined) {
      const left = absentOption(this.#keys, name);
      if (left !== undefined) this.errors.push(`--${name} ${leftOut(left)}`);
      else this.errors.push(`unknown option --${written}${this.#suggestion(name)}`);
      // A value after a space is not a second mistake.
      if (given === undefined && this.#args[this.#next]?.startsWith('-') === false) this.#next += 1;
      return;
    }
    const isBoolean = option === undefined ? ignored!.isBoolean : option.placeholder === '';
    const standsAlone = isBoolean && !(option?.isSpaced === true && this.#isNextBoolean());
    const value = given ?? (standsAlone ? 'true' : this.#args[this.#next++]);
    if (value === undefined) {
      this.errors.push(`--${name} wants a value: --${name}=${option?.placeholder ?? 'VALUE'}`);
    } else if (option === undefined) this.#ignore(name, ignored!, value);
    else this.given.set(name, [...(this.given.get(name) ?? []), value]);
  }

  #isNextBoolean(): boolean {
    return /^(true|false|1|0)$/.test(this.#args[this.#next] ?? '');
  }

  #ignore(name: string, { isRefused, why }: IgnoredFlag, value: string): void {
    const isFalse = value === 'false' || value === '0';
    if (isRefused === 'if false' && isFalse) this.errors.push(`--${name}=${value} is not supported: ${why}`);
    else if (isRefused !== true) this.warnings.push(`--${name} has no effect: ${why}`);
    else if (!isFalse) this.errors.push(`--${name} is not supported: ${why}`);
  }

  #suggestion(name: string): string {
    const negated = /^no_?(.+)$/.exec(name)?.[1] ?? '';
    if (Object.hasOwn(this.#table, negated) && this.#table[negated]!.placeholder === '')
      return `; did you mean --${negated}=false?`;
    const nearest = nearestName(name, [...Object.keys(this.#table), ...Object.keys(TENSORFLOW_FLAGS)]);
    return nearest === undefined ? '; --help lists them' : `; did you mean --${nearest}?`;
  }
}
