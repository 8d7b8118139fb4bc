/**
 * A YAML document read with places: each function takes a node, says what is wrong with it ("path:line:column: …") and
 * goes on, so that one reading finds every mistake. Aliases (`*name`) stand for what they name.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { nearestName } from '../nearest-name.ts';

/** A key of a mapping with its value; the value is undefined where nothing, or null, stands. */
export interface YamlEntry {
  readonly key: string;
  readonly where: string;
  readonly value: Node | undefined;
}

/** What an integer may be. */
export interface Range {
  readonly min: number | bigint;
  readonly max: number | bigint;
}

export class YamlReader {
  readonly errors: string[];
  readonly root: Node | undefined;
  readonly #path: string;
  readonly #document: Document;
  readonly #lines = new LineCounter();

  /** Mistakes of YAML itself are in `errors` at once; `root` is undefined then. */
  constructor(path: string, bytes: Uint8Array, errors: string[]) {
    this.#path = path;
    this.errors = errors;
    const before = errors.length;
    const text = decodeUtf8(bytes);
    this.#document = this.#parse(text ?? '');
    if (text === undefined) errors.push(`${path}:1:1: the file is not UTF-8 text`);
    for (const { message, pos } of this.#document.errors) errors.push(`${this.#place(pos[0])}: ${message}`);
    for (const { message, pos } of this.#document.warnings) errors.push(`${this.#place(pos[0])}: ${message}`);
    const isSound = text !== undefined && errors.length === before;
    this.root = isSound ? (this.#resolve(this.#document.contents) ?? undefined) : undefined;
  }

  #parse(text: string): Document {
    try {
      return parseDocument(text, { lineCounter: this.#lines, intAsBigInt: true, prettyErrors: false });
    } catch {
      // The parser is recursive and runs out of stack.
      this.errors.push(`${this.#path}:1:1: too many lists or mappings inside one another`);
      return parseDocument('');
    }
  }

  where(node: Node | undefined): string {
    return node?.range ? this.#place(node.range[0]) : this.#path;
  }

  fail(where: string, reason: string): undefined {
    this.errors.push(`${where}: ${reason}`);
    return undefined;
  }

  /** The entries of a mapping whose keys are `known`; undefined if the node is none. */
  entries(node: Node | undefined, what: string, known: readonly string[]): readonly YamlEntry[] | undefined {
    const mapping = this.anyEntries(node, what);
    return mapping?.filter(({ key, where }) => {
      if (known.includes(key)) return true;
      const nearest = nearestName(key, known);
      const hint = nearest === undefined ? `there are ${known.join(', ')}` : `did you mean "${nearest}"?`;
      this.fail(where, `${what} has no "${key.slice(0, 60)}"; ${hint}`);
      return false;
    });
  }

  /** The entries of a mapping, whatever its keys. */
  anyEntries(node: Node | undefined, what: string): readonly YamlEntry[] | undefined {
    if (!isMap(node)) return this.fail(this.where(node), `${what} wants "key: value" lines, not ${describe(node)}`);
    return node.items.flatMap(({ key, value }) => {
      const place = this.where(key as Node);
      if (!isScalar(key) || key.value === null) return this.fail(place, `a key of ${what} wants to be a word`) ?? [];
      return [{ key: String(key.value), where: place, value: notNull(this.#resolve(value as Node | null)) }];
    });
  }

  items(node: Node | undefined, what: string): readonly (Node | undefined)[] | undefined {
    if (!isSeq(node)) return this.fail(this.where(node), `${what} wants a list, not ${describe(node)}`);
    return node.items.map((item) => this.#resolve(item as Node | null) ?? undefined);
  }

  text(node: Node | undefined, what: string): string | undefined {
    if (isScalar(node) && typeof node.value === 'string') return node.value;
    return this.fail(this.where(node), `${what} wants a text, not ${describe(node)}`);
  }

  choice<T extends string>(node: Node | undefined, what: string, choices: readonly T[]): T | undefined {
    const text = this.text(node, what);
    const found = choices.find((choice) => choice === text);
    if (text === undefined || found !== undefined) return found;
    return this.fail(this.where(node), `${what} wants one of ${choices.join(', ')}, not "${text}"`);
  }

  flag(node: Node | undefined, what: string): boolean | undefined {
    const value = isScalar(node) ? node.value : undefined;
    if (typeof value === 'boolean') return value;
    return this.fail(this.where(node), `${what} wants true or false, not ${describe(node)}`);
  }

  integer(node: Node | undefined, what: string, { min, max }: Range): bigint | undefined {
    const value = isScalar(node) ? node.value : undefined;
    if (typeof value === 'bigint' && value >= min && value <= max) return value;
    return this.fail(this.where(node), `${what} wants a whole number from ${min} to ${max}, not ${describe(node)}`);
  }

  number(node: Node | undefined, what: string, { min, max }: Range): number | undefined {
    const value = isScalar(node) && /^(bigint|number)$/.test(typeof node.value) ? Number(node.value) : Number.NaN;
    if (value >= Number(min) && value <= Number(max)) return value;
    return this.fail(this.where(node), `${what} wants a number from ${min} to ${max}, not ${describe(node)}`);
  }

  /** A scalar as it would be written on a command line; a list with its elements so. */
  optionTexts(node: Node | undefined, what: string): readonly string[] | undefined {
    if (isSeq(node)) {
      const texts = this.items(node, what)!.map((item) => this.#optionText(item, what));
      return texts.some((text) => text === undefined) ? undefined : (texts as string[]);
    }
    const text = this.#optionText(node, what);
    return text === undefined ? undefined : [text];
  }

  #optionText(node: Node | undefined, what: string): string | undefined {
    if (isScalar(node) && node.value !== null && /^(string|bigint|number|boolean)$/.test(typeof node.value)) {
      return String(node.value);
    }
    return this.fail(this.where(node), `${what} wants a value, not ${describe(node)}`);
  }

  #resolve(node: Node | null): Node | undefined {
    if (node === null || !isAlias(node)) return node ?? undefined;
    const found = node.resolve(this.#document);
    return found ?? this.fail(this.where(node), `*${node.source.slice(0, 60)} names no anchor (&…) before it`);
  }

  #place(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.#path}:${Math.max(1, line)}:${Math.max(1, col)}`;
  }
}

/** `key:` alone is a null, for YAML. */
function notNull(node: Node | undefined): Node | undefined {
  return isScalar(node) && node.value === null ? undefined : node;
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function describe(node: Node | undefined): string {
  if (isMap(node)) return '"key: value" lines';
  if (isSeq(node)) return 'a list';
  if (!isScalar(node) || node.value === null) return 'nothing';
  return JSON.stringify(String(node.value).slice(0, 60));
}
