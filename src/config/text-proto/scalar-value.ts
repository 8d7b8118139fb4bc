/**
 * Tokens → values of scalar and enum fields, as @bufbuild/protobuf holds them: 64-bit integers as bigint, bytes as
 * Uint8Array, enums as numbers. Each function throws ScalarError; the parser adds the place.
 */
import type { Buffer } from 'node:buffer';
import { type DescEnum, ScalarType } from '@bufbuild/protobuf';
import { nearestName } from '../nearest-name.ts';

/** One value as written: a token with its sign, or the joined bytes of adjacent strings. */
export interface Literal {
  readonly isNegative: boolean;
  readonly kind: 'identifier' | 'integer' | 'float' | 'string';
  readonly text: string;
  readonly bytes: Buffer | undefined;
}

const MAX_DIGITS = 24;

/** Its text completes "field: …". */
export class ScalarError extends Error {}

interface IntegerType {
  readonly name: string;
  readonly min: bigint;
  readonly max: bigint;
}

const INT32: IntegerType = { name: 'int32', min: -(2n ** 31n), max: 2n ** 31n - 1n };
const INT64: IntegerType = { name: 'int64', min: -(2n ** 63n), max: 2n ** 63n - 1n };
const UINT32: IntegerType = { name: 'uint32', min: 0n, max: 2n ** 32n - 1n };
const UINT64: IntegerType = { name: 'uint64', min: 0n, max: 2n ** 64n - 1n };

export function scalarValue(type: ScalarType, literal: Literal): string | number | bigint | boolean | Uint8Array {
  switch (type) {
    case ScalarType.STRING:
      return stringValue(literal);
    case ScalarType.BYTES:
      return bytesValue(literal);
    case ScalarType.BOOL:
      return boolValue(literal);
    case ScalarType.FLOAT:
      return Math.fround(floatValue(literal, 'float'));
    case ScalarType.DOUBLE:
      return floatValue(literal, 'double');
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return Number(integerValue(literal, INT32));
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return Number(integerValue(literal, UINT32));
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return integerValue(literal, INT64);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return integerValue(literal, UINT64);
  }
}

/** Reads an enum value by name or by number. An open enum keeps a number without a name, as in proto3. */
export function enumValue(type: DescEnum, literal: Literal): number {
  if (literal.kind === 'integer') {
    const number = Number(integerValue(literal, { ...INT32, name: `enum ${type.name}` }));
    if (type.open || type.value[number] !== undefined) return number;
    throw new ScalarError(`${number} is no value of the enum ${type.typeName}`);
  }
  if (literal.kind !== 'identifier' || literal.isNegative) throw wants(`a name of the enum ${type.typeName}`, literal);
  const value = type.values.find((each) => each.name === literal.text);
  if (value !== undefined) return value.number;
  const names = type.values.map((each) => each.name);
  const nearest = nearestName(literal.text, names);
  const hint = nearest === undefined ? `its values are ${names.join(', ')}` : `did you mean ${nearest}?`;
  throw new ScalarError(`"${literal.text}" is no value of the enum ${type.typeName}; ${hint}`);
}

function integerValue(literal: Literal, { name, min, max }: IntegerType): bigint {
  if (literal.kind !== 'integer') throw wants(`a whole number (${name})`, literal);
  // The largest number has this many octal digits; BigInt() of millions of digits would take minutes.
  if (literal.text.length > MAX_DIGITS) {
    throw new ScalarError(`${literal.text.slice(0, MAX_DIGITS)}… is out of range; ${name} goes from ${min} to ${max}`);
  }
  // BigInt() reads decimal and 0x; a leading 0 is octal here.
  const isOctal = /^0[0-7]+$/.test(literal.text);
  const magnitude = BigInt(isOctal ? `0o${literal.text.slice(1)}` : literal.text);
  const value = literal.isNegative ? -magnitude : magnitude;
  if (value < min || value > max) throw new ScalarError(`${value} is out of range; ${name} goes from ${min} to ${max}`);
  return value;
}

function floatValue(literal: Literal, name: string): number {
  const magnitude = floatMagnitude(literal);
  if (magnitude === undefined) throw wants(`a number (${name})`, literal);
  return literal.isNegative ? -magnitude : magnitude;
}

function floatMagnitude({ kind, text }: Literal): number | undefined {
  if (kind === 'float') return Number(text.replace(/[fF]$/, ''));
  if (kind === 'integer') return /^0[xX0-7]/.test(text) ? undefined : Number(text);
  if (kind === 'string') return undefined;
  if (/^inf(?:inity)?$/i.test(text)) return Infinity;
  return /^nan$/i.test(text) ? Number.NaN : undefined;
}

function boolValue(literal: Literal): boolean {
  const { kind, text, isNegative } = literal;
  if (!isNegative && kind === 'identifier') {
    if (text === 'true' || text === 'True' || text === 't') return true;
    if (text === 'false' || text === 'False' || text === 'f') return false;
  }
  if (!isNegative && kind === 'integer') {
    return integerValue(literal, { name: 'bool', min: 0n, max: 1n }) === 1n;
  }
  throw wants('true or false', literal);
}

function bytesValue(literal: Literal): Uint8Array {
  if (literal.kind !== 'string') throw wants('a string in quotes', literal);
  return Uint8Array.from(literal.bytes!);
}

function stringValue(literal: Literal): string {
  if (literal.kind !== 'string') throw wants('a string in quotes', literal);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(literal.bytes!);
  } catch {
    throw new ScalarError('the string is not UTF-8; only bytes fields may hold other bytes');
  }
}

/** Never shows a string's text: it may be a key. */
function wants(what: string, { kind, text, isNegative }: Literal): ScalarError {
  const shown = kind === 'string' ? 'a string' : `${isNegative ? '-' : ''}${text.slice(0, 60)}`;
  return new ScalarError(`wants ${what}, not ${shown}`);
}
