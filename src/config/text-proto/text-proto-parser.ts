/**
 * Protobuf's text format → message, by the message's descriptor. It is as strict as protobuf's own parsers: an unknown
 * field, a repeated singular field and two members of one oneof are errors. The first mistake ends the parse with a
 * TextProtoError.
 *
 *   model_config_list {              message field, `:` may stand before its brace; < > for { } is the old form
 *     config { name: "m" },          repeated field, `,` or `;` may stand after each field
 *     config: [{…}, {…}]             the same as a list
 *   }
 *
 * Extensions and expanded Any values (`[type.googleapis.com/…] {}`) are not supported; no configuration has them. Error
 * texts never show strings: they may be keys.
 */
import { Buffer } from 'node:buffer';
import type { DescEnum, DescField, DescMessage, Message, ScalarType } from '@bufbuild/protobuf';
import {
  type ReflectList,
  type ReflectMap,
  type ReflectMessage,
  reflect,
  scalarZeroValue,
} from '@bufbuild/protobuf/reflect';
import { nearestName } from '../nearest-name.ts';
import { enumValue, type Literal, ScalarError, scalarValue } from './scalar-value.ts';
import { type Position, TextProtoError, type Token, Tokenizer } from './tokenizer.ts';

/** Nested messages. The configurations need five. */
const MAX_DEPTH = 100;

interface ParsedTextProto {
  readonly message: Message;
  /** The position of each field, by its path: "model_config_list.config[1].name". A map's entries are numbered. */
  readonly places: ReadonlyMap<string, Position>;
}

/** `bytes` is a whole file: UTF-8, with or without a byte order mark. Throws TextProtoError. */
export function parseTextProto(type: DescMessage, bytes: Uint8Array): ParsedTextProto {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new TextProtoError({ line: 1, column: 1 }, 'the file is not UTF-8 text');
  }
  const parser = new Parser(text);
  return { message: parser.parse(type), places: parser.places };
}

/** The type of one value, whether the field holds one, a list, or a map. */
type ElementType =
  | { readonly kind: 'scalar'; readonly scalar: ScalarType }
  | { readonly kind: 'enum'; readonly enum: DescEnum }
  | { readonly kind: 'message'; readonly message: DescMessage };

class Parser {
  readonly places = new Map<string, Position>();
  readonly #tokenizer: Tokenizer;
  #token: Token;
  #depth = 0;

  constructor(text: string) {
    this.#tokenizer = new Tokenizer(text);
    this.#token = this.#tokenizer.next();
  }

  parse(type: DescMessage): Message {
    const root = reflect(type);
    this.#fields(root, '', 'end');
    return root.message;
  }

  /** Reads the fields, and the closing symbol after them. */
  #fields(message: ReflectMessage, path: string, closing: string): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) this.#fail(`more than ${MAX_DEPTH} messages inside one another`);
    const seen = new Map<DescField, Position>();
    while (!this.#isAt(closing)) {
      if (this.#token.kind === 'end')
        this.#fail(`the text ends inside ${message.desc.typeName}; a "${closing}" is missing`);
      this.#field(message, path, seen);
      if (!this.#take(',')) this.#take(';');
    }
    if (closing !== 'end') this.#advance();
    this.#depth -= 1;
  }

  #field(message: ReflectMessage, path: string, seen: Map<DescField, Position>): void {
    const name = this.#token;
    const field = this.#fieldNamed(message.desc, name);
    checkOnce(field, name, seen);
    const hasColon = this.#take(':');
    const fieldPath = path === '' ? field.name : `${path}.${field.name}`;
    const element = elementTypeOf(field);
    const isMessage = field.fieldKind === 'map' || element.kind === 'message';
    if (!hasColon && !isMessage) this.#fail(`a ":" must stand between ${field.name} and its value`);
    if (field.fieldKind !== 'list' && field.fieldKind !== 'map') {
      if (this.#isAt('[')) this.#fail(`${field.name} holds one value, not a list`);
      this.places.set(fieldPath, name);
      message.set(field, this.#element(element, field.name, fieldPath));
      return;
    }
    const add = (): void => this.#addElement(message, field, element, fieldPath);
    if (!this.#isAt('[')) add();
    else this.#list(add);
  }

  #list(add: () => void): void {
    this.#advance();
    if (this.#take(']')) return;
    do add();
    while (this.#take(','));
    if (!this.#take(']')) this.#fail(`wanted "," or "]" in the list, not ${describe(this.#token)}`);
  }

  #addElement(message: ReflectMessage, field: DescField, element: ElementType, path: string): void {
    if (field.fieldKind === 'map') {
      this.#mapEntry(message.get(field) as ReflectMap, field, element, path);
      return;
    }
    const list = message.get(field) as ReflectList;
    const elementPath = `${path}[${list.size}]`;
    this.places.set(elementPath, this.#token);
    list.add(this.#element(element, field.name, elementPath));
  }

  /** `{ key: "a" value: 1 }`: either may be left out. The last entry with a key counts. */
  #mapEntry(map: ReflectMap, field: DescField & { fieldKind: 'map' }, element: ElementType, path: string): void {
    const entryPath = `${path}[${map.size}]`;
    this.places.set(entryPath, this.#token);
    const closing = this.#open(field.name);
    let key: unknown = scalarZeroValue(field.mapKey, false);
    let value: unknown = element.kind === 'message' ? reflect(element.message) : zeroOf(element);
    const seen = new Set<string>();
    while (!this.#isAt(closing)) {
      const name = this.#token;
      if (name.kind !== 'identifier' || (name.text !== 'key' && name.text !== 'value')) {
        this.#fail(`an entry of ${field.name} has a key and a value, not ${describe(name)}`);
      }
      if (seen.has(name.text)) this.#fail(`${name.text} stands twice in an entry of ${field.name}`);
      seen.add(name.text);
      this.#advance();
      const hasColon = this.#take(':');
      const isKey = name.text === 'key';
      if (!hasColon && (isKey || element.kind !== 'message'))
        this.#fail(`a ":" must stand between ${name.text} and its value`);
      if (isKey) key = this.#element({ kind: 'scalar', scalar: field.mapKey }, `${field.name}.key`, entryPath);
      else value = this.#element(element, `${field.name}.value`, entryPath);
      if (!this.#take(',')) this.#take(';');
    }
    this.#advance();
    map.set(key, value);
  }

  #element(type: ElementType, name: string, path: string): unknown {
    if (type.kind === 'message') {
      const message = reflect(type.message);
      this.#fields(message, path, this.#open(name));
      return message;
    }
    const place = this.#token;
    const literal = this.#literal(name);
    try {
      return type.kind === 'enum' ? enumValue(type.enum, literal) : scalarValue(type.scalar, literal);
    } catch (error) {
      if (!(error instanceof ScalarError)) throw error;
      throw new TextProtoError(place, `${name}: ${error.message}`);
    }
  }

  /** Reads `{` or `<`; returns its closing symbol. */
  #open(name: string): string {
    if (this.#take('{')) return '}';
    if (this.#take('<')) return '>';
    return this.#fail(`${name} is a message and wants "{", not ${describe(this.#token)}`);
  }

  /** A scalar or enum value: a number or a word, with or without `-`, or adjacent strings, which are joined. */
  #literal(name: string): Literal {
    const isNegative = this.#take('-');
    const { kind, text, bytes } = this.#token;
    if (kind === 'symbol' || kind === 'end' || (kind === 'string' && isNegative)) {
      this.#fail(`${name} wants a value, not ${describe(this.#token)}`);
    }
    this.#advance();
    if (kind !== 'string') return { isNegative, kind, text, bytes };
    const parts = [bytes!];
    while (this.#token.kind === 'string') {
      parts.push(this.#token.bytes!);
      this.#advance();
    }
    return { isNegative, kind, text, bytes: Buffer.concat(parts) };
  }

  #fieldNamed(type: DescMessage, name: Token): DescField {
    if (name.kind === 'symbol' && name.text === '[') {
      this.#fail('extensions and expanded Any values ([…] as a name) are not taken here');
    }
    if (name.kind !== 'identifier') this.#fail(`wanted the name of a field of ${type.typeName}, not ${describe(name)}`);
    const field = type.fields.find((each) => each.name === name.text);
    if (field === undefined) {
      const names = type.fields.map((each) => each.name);
      const nearest = nearestName(name.text, names);
      const hint =
        nearest === undefined ? `its fields are ${names.join(', ') || 'none'}` : `did you mean "${nearest}"?`;
      this.#fail(`${type.typeName} has no field "${name.text.slice(0, 60)}"; ${hint}`);
    }
    this.#advance();
    return field;
  }

  #isAt(symbol: string): boolean {
    return symbol === 'end' ? this.#token.kind === 'end' : this.#token.kind === 'symbol' && this.#token.text === symbol;
  }

  #take(symbol: string): boolean {
    if (!this.#isAt(symbol)) return false;
    this.#advance();
    return true;
  }

  #advance(): void {
    this.#token = this.#tokenizer.next();
  }

  #fail(reason: string): never {
    throw new TextProtoError(this.#token, reason);
  }
}

/** A singular field may be given once, and one member of each oneof. */
function checkOnce(field: DescField, name: Token, seen: Map<DescField, Position>): void {
  if (field.fieldKind === 'list' || field.fieldKind === 'map') return;
  for (const [other, { line, column }] of seen) {
    if (other === field)
      throw new TextProtoError(name, `${field.name} stands twice; it was given at ${line}:${column}`);
    if (field.oneof !== undefined && other.oneof === field.oneof) {
      throw new TextProtoError(
        name,
        `${field.name} and ${other.name} (at ${line}:${column}) exclude each other: they are of the oneof ${field.oneof.name}`,
      );
    }
  }
  seen.set(field, name);
}

function elementTypeOf(field: DescField): ElementType {
  if (field.message !== undefined) return { kind: 'message', message: field.message };
  if (field.enum !== undefined) return { kind: 'enum', enum: field.enum };
  return { kind: 'scalar', scalar: field.scalar as ScalarType };
}

function zeroOf(type: Exclude<ElementType, { kind: 'message' }>): unknown {
  return type.kind === 'enum' ? (type.enum.values[0]?.number ?? 0) : scalarZeroValue(type.scalar, false);
}

/** A token for an error text, without the text of a string. */
function describe({ kind, text }: Token): string {
  if (kind === 'end') return 'the end of the text';
  return kind === 'string' ? 'a string' : `"${text.slice(0, 60)}"`;
}
