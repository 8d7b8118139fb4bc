/**
 * Words for the JSON Schemas (2020-12) of the bodies of REST, which each protocol has beside its methods. Numbers may be NaN,
 * Infinity and -Infinity, which JSON Schema has no word for.
 */

export const TEXT = { type: 'string' };
export const COUNT = { type: 'integer', minimum: 0 };
export const NUMBER_TEXT = { type: 'string', pattern: '^[0-9]+$' };
export const BOOLEAN = { type: 'boolean' };
/** A value of any nesting. */
export const ANY = {};

export function object(properties: Readonly<Record<string, object>>, required: readonly string[] = []): object {
  return { type: 'object', properties, ...(required.length > 0 && { required }) };
}

export function list(items: object): object {
  return { type: 'array', items };
}

/** The schema of that name in the description of the API. */
export function ref(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}

/** Either of two keys, and not both. */
export function oneOf(a: string, b: string): object {
  return { oneOf: [{ required: [a] }, { required: [b] }] };
}
