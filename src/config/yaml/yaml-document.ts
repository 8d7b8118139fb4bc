/**
 * A file of YAML as plain data for a schema, and where each part of it stands. Problems are gathered, not thrown, so that
 * one look at the file tells of all of them. Aliases (`*name`) stand for what they name.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { type Alias, Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

/** Integers are bigints; mappings have no prototype, so that any key is a key of theirs. */
export type YamlData = null | YamlValue | YamlData[] | { [key: string]: YamlData };

/** Numbers, text and booleans, in lists or not. */
export type YamlValue = number | bigint | boolean | string | readonly YamlValue[];

/** Keys of mappings and indexes of lists, from the root on. */
export type YamlPath = readonly unknown[];

/** Tells problems of a part of a file, or of what stands under `keys` in it. */
export interface YamlPart {
  report(text: string, ...keys: readonly string[]): void;
  reportKey(text: string, ...keys: readonly string[]): void;
  part(...keys: readonly string[]): YamlPart;
}

type YamlNode = Node | null | undefined;

/** Levels of lists and mappings. */
const MAX_DEPTH = 64;
/** Parts of a file, aliases followed: a default is a row, not a data set. */
const MAX_ELEMENTS = 1_000_000;
/** Aliases that are followed: each costs a walk over the file, and a few lines of them may ask for billions of values. */
const MAX_ALIASES = 1000;

export class YamlDocument {
  readonly path: string;
  /** Null for an empty file, and where the YAML itself is wrong. */
  readonly data: YamlData;
  #document = new Document<Node>();
  readonly #lines = new LineCounter();
  readonly #problems: { readonly offset: number; readonly text: string }[] = [];
  #elementsLeft = MAX_ELEMENTS;
  #aliasesLeft = MAX_ALIASES;

  constructor(path: string, bytes: Uint8Array) {
    this.path = path;
    const data = this.#parse(bytes);
    this.data = this.#problems.length === 0 ? data : null;
  }

  /** Each "path:line:column: text", in the order in which they were found. */
  get problems(): readonly string[] {
    return this.#problems.map(({ offset, text }) => `${this.#place(offset)}: ${text}`);
  }

  /** In the order of the file from now on. */
  sortProblems(): void {
    this.#problems.sort((a, b) => a.offset - b.offset);
  }

  /** A problem of the value at a path, or of the nearest around it that is there; of the key where no value stands. */
  report(path: YamlPath, text: string): void {
    this.#tell(this.#find(path, false), text);
  }

  /** A problem of the key that ends a path. */
  reportKey(path: YamlPath, text: string): void {
    this.#tell(this.#find(path, true), text);
  }

  /** To tell problems of what stands below a path. */
  part(path: YamlPath): YamlPart {
    return {
      report: (text, ...keys) => this.report([...path, ...keys], text),
      reportKey: (text, ...keys) => this.reportKey([...path, ...keys], text),
      part: (...keys) => this.part([...path, ...keys]),
    };
  }

  /** "path:line:column" of the key that ends a path, or of an item of a list. */
  placeOf(path: YamlPath): string {
    return this.#place(this.#find(path, true)?.range?.[0] ?? 0);
  }

  /** Takes out of the data what stands at a path; of a list, the whole list. Whether there was anything. */
  leaveOut(path: YamlPath): boolean {
    const end = path.findIndex((_, i) => i === path.length - 1 || typeof path[i + 1] === 'number');
    let owner: unknown = this.data;
    for (const step of path.slice(0, end)) owner = (owner as Record<string, unknown> | null)?.[String(step)];
    const key = String(path[end]);
    if (typeof owner !== 'object' || owner === null || !(key in owner)) return false;
    return delete (owner as Record<string, unknown>)[key];
  }

  #parse(bytes: Uint8Array): YamlData {
    if (!isUtf8(bytes)) return this.#tell(null, 'the file is not UTF-8 text');
    try {
      const text = Buffer.from(bytes).toString();
      this.#document = parseDocument(text, { lineCounter: this.#lines, intAsBigInt: true, prettyErrors: false });
      const { errors, warnings, contents } = this.#document;
      for (const { message, pos } of [...errors, ...warnings]) this.#problems.push({ offset: pos[0], text: message });
      return this.#problems.length === 0 ? this.#dataOf(contents, 0) : null;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // The parser is recursive and runs out of stack.
      return this.#tell(null, 'too many lists or mappings inside one another');
    }
  }

  #dataOf(node: YamlNode, depth: number): YamlData {
    this.#elementsLeft -= 1;
    if (this.#elementsLeft < 0) return this.#limit(node, `${MAX_ELEMENTS} values`);
    if (depth > MAX_DEPTH) return this.#limit(node, `${MAX_DEPTH} levels of lists and mappings`);
    if (isAlias(node)) return this.#aliased(node, depth);
    if (isSeq<YamlNode>(node)) return node.items.map((item) => this.#dataOf(item, depth + 1));
    if (!isMap<YamlNode, YamlNode>(node)) return isScalar<YamlValue>(node) ? node.value : null;
    const data: { [key: string]: YamlData } = Object.create(null);
    for (const { key, value } of node.items) {
      const name = this.#dataOf(key, depth + 1);
      if (name === null || typeof name === 'object') this.#tell(key, 'this is no name; keys are names');
      else data[String(name)] = this.#dataOf(value, depth + 1);
    }
    return data;
  }

  #aliased(node: Alias, depth: number): YamlData {
    this.#aliasesLeft -= 1;
    if (this.#aliasesLeft < 0) return this.#limit(node, `${MAX_ALIASES} aliases to follow`);
    const target = node.resolve(this.#document);
    if (target !== undefined) return this.#dataOf(target, depth + 1);
    return this.#tell(node, `*${node.source.slice(0, 60)} names no anchor (&…) before it`);
  }

  /** Told once: a limit that is passed is passed again and again. */
  #limit(node: YamlNode, most: string): null {
    return this.#problems.length > 0 ? null : this.#tell(node, `more than ${most}; give fewer`);
  }

  #tell(node: YamlNode, text: string): null {
    this.#problems.push({ offset: node?.range?.[0] ?? 0, text });
    return null;
  }

  #place(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.path}:${Math.max(1, line)}:${Math.max(1, col)}`;
  }

  /** The node that a path leads to, or its key. */
  #find(path: YamlPath, isKeyWanted: boolean): YamlNode {
    let value: YamlNode = this.#document.contents;
    let key: YamlNode;
    for (const step of path) {
      const owner: YamlNode = isAlias(value) ? value.resolve(this.#document) : value;
      const found: { readonly key?: Node; readonly value: YamlNode } | undefined = isMap<Node, YamlNode>(owner)
        ? owner.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === step)
        : { value: isSeq<Node>(owner) ? owner.items[step as number] : undefined };
      if (found?.value === undefined) return value;
      [key, value] = [found.key, found.value];
    }
    const isEmpty = value === null || (isScalar(value) && value.value === null);
    return key !== undefined && (isKeyWanted || isEmpty) ? key : value;
  }
}
