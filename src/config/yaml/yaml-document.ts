/**
 * A YAML file as plain data for a schema, with the place of each part. Problems are collected, not thrown, so that all
 * of them can be reported at once. Aliases (`*name`) are resolved.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { type Alias, Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

/** Integers are bigints. Mappings have no prototype, so any key is allowed. */
type YamlData = null | YamlValue | YamlData[] | { [key: string]: YamlData };

/** Numbers, text and booleans, in lists or not. */
export type YamlValue = number | bigint | boolean | string | readonly YamlValue[];

/** Keys of mappings and indexes of lists, from the root. */
export type YamlPath = readonly unknown[];

/** Reports problems of a part of a file, or of the value at `keys` in it. */
export interface YamlPart {
  report(text: string, ...keys: readonly string[]): void;
  reportKey(text: string, ...keys: readonly string[]): void;
  part(...keys: readonly string[]): YamlPart;
}

type YamlNode = Node | null | undefined;

/** The most levels of nested lists and mappings. */
const MAX_DEPTH = 64;
/** Values in a file, with aliases resolved. */
const MAX_ELEMENTS = 1_000_000;
/** Resolved aliases: each costs a walk over the file, and a few lines of them can make billions of values. */
const MAX_ALIASES = 1000;

export class YamlDocument {
  readonly path: string;
  /** Null for an empty file, and if the YAML itself is wrong. */
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

  /** Each is "path:line:column: text", in the order of discovery. */
  get problems(): readonly string[] {
    return this.#problems.map(({ offset, text }) => `${this.#place(offset)}: ${text}`);
  }

  /** Sorts the problems by their place in the file. */
  sortProblems(): void {
    this.#problems.sort((a, b) => a.offset - b.offset);
  }

  /** Reports a problem at the value, else at its key, else at the nearest part around it. */
  report(path: YamlPath, text: string): void {
    this.#addProblem(this.#find(path, false), text);
  }

  /** Reports a problem at the last key of a path. */
  reportKey(path: YamlPath, text: string): void {
    this.#addProblem(this.#find(path, true), text);
  }

  /** A reporter for the part at a path. */
  part(path: YamlPath): YamlPart {
    return {
      report: (text, ...keys) => this.report([...path, ...keys], text),
      reportKey: (text, ...keys) => this.reportKey([...path, ...keys], text),
      part: (...keys) => this.part([...path, ...keys]),
    };
  }

  /** "path:line:column" of the last key of a path, or of a list's item. */
  placeOf(path: YamlPath): string {
    return this.#place(this.#find(path, true)?.range?.[0] ?? 0);
  }

  /** Deletes the value at a path, or the whole list that it is in. Returns whether there was one. */
  leaveOut(path: YamlPath): boolean {
    const end = path.findIndex((_, i) => i === path.length - 1 || typeof path[i + 1] === 'number');
    let owner: unknown = this.data;
    for (const step of path.slice(0, end)) owner = (owner as Record<string, unknown> | null)?.[String(step)];
    const key = String(path[end]);
    if (typeof owner !== 'object' || owner === null || !(key in owner)) return false;
    return delete (owner as Record<string, unknown>)[key];
  }

  #parse(bytes: Uint8Array): YamlData {
    if (!isUtf8(bytes)) return this.#addProblem(null, 'the file is not UTF-8 text');
    try {
      const text = Buffer.from(bytes).toString();
      this.#document = parseDocument(text, { lineCounter: this.#lines, intAsBigInt: true, prettyErrors: false });
      const { errors, warnings, contents } = this.#document;
      for (const { message, pos } of [...errors, ...warnings]) this.#problems.push({ offset: pos[0], text: message });
      return this.#problems.length === 0 ? this.#dataOf(contents, 0) : null;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // The recursive parser ran out of stack.
      return this.#addProblem(null, 'too many lists or mappings inside one another');
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
      if (name === null || typeof name === 'object') this.#addProblem(key, 'this is no name; keys are names');
      else data[String(name)] = this.#dataOf(value, depth + 1);
    }
    return data;
  }

  #aliased(node: Alias, depth: number): YamlData {
    this.#aliasesLeft -= 1;
    if (this.#aliasesLeft < 0) return this.#limit(node, `${MAX_ALIASES} aliases to follow`);
    const target = node.resolve(this.#document);
    if (target !== undefined) return this.#dataOf(target, depth + 1);
    return this.#addProblem(node, `*${node.source.slice(0, 60)} names no anchor (&…) before it`);
  }

  /** Reported once: a passed limit is passed many times. */
  #limit(node: YamlNode, most: string): null {
    return this.#problems.length > 0 ? null : this.#addProblem(node, `more than ${most}; give fewer`);
  }

  #addProblem(node: YamlNode, text: string): null {
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

export function openYaml(path: string, bytes: Uint8Array): YamlDocument {
  return new YamlDocument(path, bytes);
}
