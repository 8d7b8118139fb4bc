/**
 * Messages as text format, in any of the spellings that the format allows: `style` is asked again and again for a
 * number and decides braces, colons, separators and quotes. And arbitrary messages of any type, to print.
 */
import { Buffer } from 'node:buffer';
import { create, type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';
import { type ReflectList, type ReflectMap, type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import fc from 'fast-check';

type Style = () => number;

export function printTextProto(message: ReflectMessage, style: Style): string {
  return message.fields
    .filter((field) => message.isSet(field))
    .flatMap((field) => fieldTexts(field, message.get(field), style))
    .map((text) => text + pick(style, [' ', ', ', '; ', '\n', ' # note } { "\n']))
    .join('');
}

function fieldTexts(field: DescField, value: unknown, style: Style): string[] {
  if (field.fieldKind === 'list') {
    const texts = [...(value as ReflectList)].map((item) => valueText(field, item, style));
    if (pick(style, [true, false])) return [`${field.name}: [${texts.join(' , ')}]`];
    return texts.map((text) => `${field.name}: ${text}`);
  }
  if (field.fieldKind === 'map') {
    return [...(value as ReflectMap)].map(([key, item]) => {
      const parts = [`key: ${scalarText(field.mapKey, key, style)}`, `value: ${valueText(field, item, style)}`];
      return `${field.name} { ${(pick(style, [true, false]) ? parts : parts.reverse()).join(pick(style, [' ', ', ']))} }`;
    });
  }
  const colon = field.message === undefined ? ': ' : pick(style, ['', ': ', ' ']);
  return [`${field.name}${colon}${valueText(field, value, style)}`];
}

function valueText(field: DescField, value: unknown, style: Style): string {
  if (field.message !== undefined) {
    const [open, close] = pick(style, ['{}', '<>']);
    return `${open}\n${printTextProto(value as ReflectMessage, style)}${close}`;
  }
  if (field.enum !== undefined) {
    const named = field.enum.value[value as number];
    return named !== undefined && pick(style, [true, false]) ? named.name : String(value);
  }
  return scalarText(field.scalar as ScalarType, value, style);
}

function scalarText(type: ScalarType, value: unknown, style: Style): string {
  if (type === ScalarType.STRING) return stringText(Buffer.from(value as string, 'utf8'), style);
  if (type === ScalarType.BYTES) return stringText(Buffer.from(value as Uint8Array), style);
  if (type === ScalarType.BOOL)
    return value === true ? pick(style, ['true', 'True', 't', '1']) : pick(style, ['false', 'f', '0']);
  if (type === ScalarType.FLOAT || type === ScalarType.DOUBLE) return floatText(value as number, style);
  const integer = BigInt(value as number | bigint);
  const sign = integer < 0n ? '-' : '';
  const magnitude = integer < 0n ? -integer : integer;
  return `${sign}${pick(style, ['', ' '])}${pick(style, [magnitude.toString(), `0x${magnitude.toString(16)}`, `0${magnitude === 0n ? '' : magnitude.toString(8)}`])}`;
}

function floatText(value: number, style: Style): string {
  if (Number.isNaN(value)) return pick(style, ['nan', 'NaN']);
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const magnitude = Math.abs(value);
  if (magnitude === Infinity) return sign + pick(style, ['inf', 'Infinity']);
  return sign + pick(style, [String(magnitude), magnitude.toExponential(), `${magnitude.toExponential()}f`]);
}

function stringText(bytes: Buffer, style: Style): string {
  const quote = pick(style, ['"', "'"]);
  const cut = bytes.length === 0 ? 0 : style() % bytes.length;
  const parts = cut === 0 ? [bytes] : [bytes.subarray(0, cut), bytes.subarray(cut)];
  return parts.map((part) => quote + [...part].map((byte) => byteText(byte, style)).join('') + quote).join(' ');
}

function byteText(byte: number, style: Style): string {
  const octal = `\\${byte.toString(8).padStart(3, '0')}`;
  if (byte < 32 || byte > 126 || byte === 34 || byte === 39 || byte === 92) return octal;
  return pick(style, [String.fromCharCode(byte), octal]);
}

function pick<T>(style: Style, choices: readonly T[]): T {
  return choices[style() % choices.length]!;
}

/** Any message of the type, at most `depth` messages deep. */
export function arbitraryMessage(type: DescMessage, depth = 4): fc.Arbitrary<Message> {
  const oneofs = new Map(type.oneofs.map((oneof) => [oneof, oneof.fields.map((field) => field.name)]));
  const fields = type.fields.filter((field) => depth > 0 || field.message === undefined);
  const entries = fields.map(
    (field) => [field.name, fc.option(arbitraryField(field, depth), { nil: undefined })] as const,
  );
  return fc.tuple(fc.record(Object.fromEntries(entries)), fc.nat()).map(([values, choice]) => {
    const message = reflect(type, create(type));
    for (const field of fields) {
      const members = field.oneof === undefined ? undefined : oneofs.get(field.oneof);
      if (members !== undefined && members[choice % members.length] !== field.name) continue;
      const value = (values as Record<string, unknown>)[field.name];
      if (value !== undefined) setField(message, field, value);
    }
    return message.message;
  });
}

function setField(message: ReflectMessage, field: DescField, value: unknown): void {
  const wrap = (item: unknown): unknown =>
    field.message === undefined ? item : reflect(field.message, item as Message);
  if (field.fieldKind === 'list') {
    for (const item of value as unknown[]) (message.get(field) as ReflectList).add(wrap(item));
  } else if (field.fieldKind === 'map') {
    for (const [key, item] of value as [unknown, unknown][]) (message.get(field) as ReflectMap).set(key, wrap(item));
  } else message.set(field, wrap(value));
}

function arbitraryField(field: DescField, depth: number): fc.Arbitrary<unknown> {
  const one =
    field.message !== undefined
      ? arbitraryMessage(field.message, depth - 1)
      : field.enum !== undefined
        ? fc.oneof(fc.constantFrom(...field.enum.values.map((value) => value.number)), fc.integer())
        : arbitraryScalar(field.scalar as ScalarType);
  if (field.fieldKind === 'list') return fc.array(one, { maxLength: 3 });
  if (field.fieldKind === 'map') return fc.array(fc.tuple(arbitraryScalar(field.mapKey), one), { maxLength: 3 });
  return one;
}

function arbitraryScalar(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return fc.string({ unit: 'grapheme', maxLength: 12 });
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 12 });
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.FLOAT:
      return fc.float();
    case ScalarType.DOUBLE:
      return fc.double();
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.nat(2 ** 32 - 1);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.bigInt(0n, 2n ** 64n - 1n);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
    default:
      return fc.integer();
  }
}
