/** Types of options. Each one's schema checks its value, from the command line and from a file. */
import * as v from 'valibot';
import * as kinds from '../yaml/kinds.ts';

export interface Option<T> {
  readonly help: string;
  readonly default: T;
  /** The word after `=` in --help: 'N', 'PATH'. Empty for a boolean. */
  readonly placeholder: string;
  /** All values that it may have. Absent: it is not a choice. */
  readonly oneOf?: readonly string[];
  /** May be given several times; `parse` then gets all texts. */
  readonly isRepeatable: boolean;
  /** Another name of it on the command line. */
  readonly otherName?: string;
  /** A boolean that takes a value after a space, too. Default: it takes one only after `=`. */
  readonly isSpaced?: boolean;
  /** The schema of its value in a file. */
  readonly schema: v.GenericSchema<unknown, T>;
  /** The value, or an error text that completes "--flag=text: …". */
  parse(texts: readonly string[]): { value: T } | { error: string };
}

interface Spec<T> {
  readonly help: string;
  readonly default: T;
  readonly placeholder?: string;
  readonly oneOf?: readonly string[];
  readonly otherName?: string;
  readonly isSpaced?: boolean;
}

/** The range of a count. */
export const COUNT = { min: 0, max: 2 ** 31 - 1 };

const MAX_SIZE = 2 ** 31 - 1;
const FLAGS = new Map([
  ['true', true],
  ['1', true],
  ['', true],
  ['false', false],
  ['0', false],
]);

export function integer(spec: Spec<number> & { readonly min: number; readonly max: number }): Option<number> {
  return option(spec, 'N', kinds.count(spec.min, spec.max), wholeNumber);
}

/** A share of a whole: more than 0, at most 1. */
export function share(spec: Spec<number>): Option<number> {
  const wants = 'a number above 0, at most 1';
  const schema = v.pipe(kinds.number(0, 1, wants), v.gtValue(0, wants));
  return option(spec, 'SHARE', schema, (text) => (text === '' ? text : Number(text)));
}

/** A share of a whole, or 0. */
export function shareOrNone(spec: Spec<number>): Option<number> {
  const schema = kinds.number(0, 1, 'a number from 0 to 1');
  return option(spec, 'SHARE', schema, (text) => (text === '' ? text : Number(text)));
}

export function flag(spec: Spec<boolean>): Option<boolean> {
  return option(spec, '', kinds.flag, (text) => FLAGS.get(text));
}

export function text(spec: Spec<string>): Option<string> {
  return option(spec, 'TEXT', spec.oneOf === undefined ? kinds.text() : kinds.choice(spec.oneOf), (text) => text);
}

/** A text that matches a pattern, or is empty. `wants` completes "wants". */
export function patternText(spec: Spec<string>, pattern: RegExp, wants: string): Option<string> {
  return option(spec, 'TEXT', v.pipe(kinds.text(wants), v.regex(pattern, wants)), (text) => text);
}

/** A text that may be given several times: all of them are one, with commas between. */
export function joined(one: Option<string>): Option<string> {
  return { ...one, parse: (given) => one.parse([given.join(',')]) };
}

export function texts(spec: Spec<readonly string[]>): Option<readonly string[]> {
  const all = option(spec, 'TEXT', v.array(kinds.text()), (text) => [text]);
  return { ...all, isRepeatable: true, parse: (value) => ({ value }) };
}

/** Ascending positive whole numbers: "1,2,4,8". */
export function sizes(spec: Spec<readonly number[]>): Option<readonly number[]> {
  const schema = v.pipe(
    v.array(kinds.count(1, MAX_SIZE)),
    v.check((all) => all.every((size, i) => i === 0 || size > all[i - 1]!)),
    v.metadata({ uniqueItems: true }),
  );
  const wants = 'ascending whole numbers with commas between, such as 1,2,4,8';
  return option(spec, 'N,N,…', schema, (text) => (text === '' ? [] : text.split(',').map(wholeNumber)), wants);
}

/** An option with one text. `read` makes the value that YAML would have, for the schema. */
function option<T>(
  spec: Spec<T>,
  placeholder: string,
  schema: v.GenericSchema<unknown, T>,
  read: (text: string) => unknown,
  wants?: string,
): Option<T> {
  return {
    ...spec,
    placeholder: spec.placeholder ?? placeholder,
    isRepeatable: false,
    schema,
    parse(texts) {
      const { success, output, issues } = v.safeParse(schema, read(texts.at(-1) ?? ''));
      return success ? { value: output } : { error: `wants ${wants ?? issues[0].message}` };
    },
  };
}

function wholeNumber(text: string): unknown {
  return /^-?\d+$/.test(text) ? BigInt(text) : text;
}
