/**
 * Kinds of options: each reads its text and says in one phrase what it takes.
 */

export interface Option<T> {
  readonly help: string;
  readonly default: T;
  /** What to write after `=`, for --help: 'N', 'PATH'. Empty for a boolean. */
  readonly placeholder: string;
  /** May stand several times; `parse` then gets all texts. */
  readonly isRepeatable: boolean;
  /** JSON Schema of its value in a file. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** The value, or a phrase that completes "--flag=text: …". */
  parse(texts: readonly string[]): { value: T } | { error: string };
}

interface Spec<T> {
  readonly help: string;
  readonly default: T;
  readonly placeholder?: string;
}

function last(texts: readonly string[]): string {
  return texts[texts.length - 1] ?? '';
}

export function integer(spec: Spec<number> & { readonly min: number; readonly max: number }): Option<number> {
  return {
    ...spec,
    placeholder: spec.placeholder ?? 'N',
    isRepeatable: false,
    schema: { type: 'integer', minimum: spec.min, maximum: spec.max },
    parse(texts) {
      const text = last(texts);
      const value = Number(text);
      if (/^-?\d+$/.test(text) && value >= spec.min && value <= spec.max) return { value };
      return { error: `wants a whole number from ${spec.min} to ${spec.max}` };
    },
  };
}

/** A share of a whole: more than 0, at most 1. */
export function share(spec: Spec<number>): Option<number> {
  return {
    ...spec,
    placeholder: spec.placeholder ?? 'SHARE',
    isRepeatable: false,
    schema: { type: 'number', exclusiveMinimum: 0, maximum: 1 },
    parse(texts) {
      const value = Number(last(texts));
      if (last(texts) !== '' && value > 0 && value <= 1) return { value };
      return { error: 'wants a number above 0, at most 1' };
    },
  };
}

export function flag(spec: Spec<boolean>): Option<boolean> {
  return {
    ...spec,
    placeholder: '',
    isRepeatable: false,
    schema: { type: 'boolean' },
    parse(texts) {
      const text = last(texts);
      if (text === 'true' || text === '1' || text === '') return { value: true };
      if (text === 'false' || text === '0') return { value: false };
      return { error: 'wants true or false' };
    },
  };
}

export function text(spec: Spec<string> & { readonly oneOf?: readonly string[] }): Option<string> {
  return {
    ...spec,
    placeholder: spec.placeholder ?? 'TEXT',
    isRepeatable: false,
    schema: spec.oneOf === undefined ? { type: 'string' } : { type: 'string', enum: [...spec.oneOf] },
    parse(texts) {
      const value = last(texts);
      if (spec.oneOf === undefined || spec.oneOf.includes(value)) return { value };
      return { error: `wants one of ${spec.oneOf.join(', ')}` };
    },
  };
}

export function texts(spec: Spec<readonly string[]>): Option<readonly string[]> {
  return {
    ...spec,
    placeholder: spec.placeholder ?? 'TEXT',
    isRepeatable: true,
    schema: { type: 'array', items: { type: 'string' } },
    parse: (all) => ({ value: all }),
  };
}

/** Ascending positive whole numbers: "1,2,4,8". */
export function sizes(spec: Spec<readonly number[]>): Option<readonly number[]> {
  return {
    ...spec,
    placeholder: spec.placeholder ?? 'N,N,…',
    isRepeatable: false,
    schema: { type: 'array', items: { type: 'integer', minimum: 1 }, uniqueItems: true },
    parse(all) {
      const parts = last(all) === '' ? [] : last(all).split(',');
      const value = parts.map(Number);
      const isAscending = value.every((n, i) => /^\d+$/.test(parts[i]!) && n > (i === 0 ? 0 : value[i - 1]!));
      return isAscending ? { value } : { error: 'wants ascending whole numbers with commas between, such as 1,2,4,8' };
    },
  };
}
