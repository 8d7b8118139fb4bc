/**
 * Command line and environment → options, by a table of them. Every mistake is reported, not only the first; an unknown
 * flag names the nearest known one.
 */
import type { Option } from './option-types.ts';

export type OptionTable = Readonly<Record<string, Option<unknown>>>;
export type OptionValues<T extends OptionTable> = { readonly [K in keyof T]: T[K] extends Option<infer V> ? V : never };

export type ReadResult<T extends OptionTable> =
  | { readonly values: OptionValues<T>; readonly errors?: undefined }
  | { readonly errors: readonly string[]; readonly values?: undefined };

/** `--port` → PILLION_PORT. */
export function environmentName(option: string): string {
  return `PILLION_${option.toUpperCase()}`;
}

export function readOptions<T extends OptionTable>(
  table: T,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ReadResult<T> {
  const errors: string[] = [];
  const given = collectFlags(table, args, errors);
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(table)) {
    const fromEnvironment = environment[environmentName(name)];
    const texts = given.get(name) ?? (fromEnvironment === undefined ? undefined : [fromEnvironment]);
    if (texts === undefined) {
      values[name] = option.default;
      continue;
    }
    const parsed = option.parse(texts);
    const source = given.has(name) ? `--${name}` : environmentName(name);
    if ('error' in parsed) errors.push(`${source}=${texts[texts.length - 1]}: ${parsed.error}`);
    else values[name] = parsed.value;
  }
  return errors.length > 0 ? { errors } : { values: values as OptionValues<T> };
}

/** Both `--x=v` and `--x v`; a boolean may stand alone and takes its value only behind `=`. */
function collectFlags(table: OptionTable, args: readonly string[], errors: string[]): Map<string, string[]> {
  const given = new Map<string, string[]>();
  for (let i = 0; i < args.length; i++) {
    const match = /^--?([^=]+)(?:=([\s\S]*))?$/.exec(args[i]!);
    if (match === null) {
      errors.push(`"${args[i]}" is no option; options look like --port=8500`);
      continue;
    }
    const name = match[1]!.replaceAll('-', '_');
    const option = table[name];
    if (option === undefined) {
      errors.push(`unknown option --${match[1]}${suggestion(table, name)}`);
      // Its value, if it stands apart, is not a second mistake.
      if (match[2] === undefined && i + 1 < args.length && !args[i + 1]!.startsWith('-')) i += 1;
      continue;
    }
    let value = match[2];
    if (value === undefined && option.placeholder === '') value = 'true';
    if (value === undefined) {
      i += 1;
      value = args[i];
    }
    if (value === undefined) errors.push(`--${name} wants a value: --${name}=${option.placeholder}`);
    else given.set(name, [...(given.get(name) ?? []), value]);
  }
  return given;
}

function suggestion(table: OptionTable, name: string): string {
  let nearest = '';
  let least = Math.max(2, Math.floor(name.length / 2)) + 1;
  for (const known of Object.keys(table)) {
    const distance = editDistance(name, known);
    if (distance < least) [nearest, least] = [known, distance];
  }
  return nearest === '' ? '; --help lists them' : `; did you mean --${nearest}?`;
}

/** Levenshtein, row by row. Names are short. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}

/** The option list of --help. */
export function describeOptions(table: OptionTable): string {
  return Object.entries(table)
    .map(([name, option]) => {
      const flag = option.placeholder === '' ? `--${name}` : `--${name}=${option.placeholder}`;
      const shown = Array.isArray(option.default) ? option.default.join(',') : String(option.default);
      const fallback = shown === '' ? '' : ` (default ${shown})`;
      return `  ${flag}\n${wrap(option.help + fallback, 8)}`;
    })
    .join('\n');
}

function wrap(text: string, indent: number): string {
  const pad = ' '.repeat(indent);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > 100) {
      lines.push(pad + line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(pad + line);
  return lines.join('\n');
}
