/**
 * A YAML file as a tree whose every place can be named: "path:line:column". Problems are gathered, not thrown, so that
 * one look at the file tells of all of them.
 */
import { distance } from 'fastest-levenshtein';
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type ParsedNode, parseDocument } from 'yaml';

/** A node, or nothing where the file has none. */
export type YamlNode = Node | ParsedNode | null | undefined;

export interface YamlMember {
  readonly key: string;
  /** "path:line:column" of the key. */
  readonly at: string;
  readonly value: YamlNode;
}

/** Plain data: integers are bigints. */
export type YamlValue = number | bigint | boolean | string | readonly YamlValue[];

/** Past it, places in a line are all the same for the order of problems. */
const MAX_COLUMN = 2 ** 20;
/** Levels of lists in plain data. */
const MAX_DEPTH = 32;
/** Elements of all plain data in a file: a default is a row, not a data set. */
const MAX_ELEMENTS = 1_000_000;
/** Aliases that are followed: each costs a walk over the file, and a few lines of them may ask for billions of values. */
const MAX_ALIASES = 1000;

export class YamlFile {
  readonly path: string;
  readonly root: YamlNode;
  readonly #problems: string[] = [];
  #elementsLeft = MAX_ELEMENTS;
  #aliasesLeft = MAX_ALIASES;
  readonly #lines = new LineCounter();
  readonly #document;

  constructor(path: string, text: string) {
    this.path = path;
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      intAsBigInt: true,
      prettyErrors: false,
      logLevel: 'silent',
    });
    for (const { pos, message } of this.#document.errors) this.report(this.#place(pos[0]), message);
    this.root = this.#document.contents;
  }

  /** Each begins with its place; in the file's order. */
  get problems(): readonly string[] {
    const place = (problem: string): number => {
      const [, line, column] = /^:(\d+):(\d+)/.exec(problem.slice(this.path.length)) ?? [];
      return Number(line) * MAX_COLUMN + Math.min(Number(column), MAX_COLUMN - 1);
    };
    return this.#problems.toSorted((a, b) => place(a) - place(b));
  }

  report(at: string, problem: string): undefined {
    this.#problems.push(`${at}: ${problem}`);
    return undefined;
  }

  at(node: YamlNode): string {
    return this.#place(node?.range?.[0] ?? 0);
  }

  /** Nothing, or `key:` with nothing behind it. */
  isEmpty(node: YamlNode): boolean {
    const own = this.#own(node);
    return own === null || own === undefined || (isScalar(own) && own.value === null);
  }

  isList(node: YamlNode): boolean {
    return isSeq(this.#own(node));
  }

  isMap(node: YamlNode): boolean {
    return isMap(this.#own(node));
  }

  /** The members of a map; undefined, and a problem, for anything else. `wants` says what belongs here. */
  members(node: YamlNode, wants: string): readonly YamlMember[] | undefined {
    const own = this.#own(node);
    if (!isMap(own)) return this.report(this.at(node), `this is ${kindOf(own)}; write ${wants}`);
    const members: YamlMember[] = [];
    for (const { key, value } of own.items) {
      const at = this.at(key as YamlNode);
      const name = this.#own(key as YamlNode);
      if (isScalar(name) && name.value !== null)
        members.push({ key: String(name.value), at, value: value as YamlNode });
      else this.report(at, `this key is ${kindOf(name)}; keys are names`);
    }
    return members;
  }

  /** Members whose keys are among `keys`; others are a problem each that names the nearest. */
  knownMembers(node: YamlNode, wants: string, keys: readonly string[]): ReadonlyMap<string, YamlMember> | undefined {
    const members = this.members(node, wants);
    if (members === undefined) return undefined;
    const known = new Map<string, YamlMember>();
    for (const member of members) {
      if (keys.includes(member.key)) known.set(member.key, member);
      else this.report(member.at, `unknown key ${quote(member.key)}${suggestion(member.key, keys)}`);
    }
    return known;
  }

  text(node: YamlNode, wants: string): string | undefined {
    const own = this.#own(node);
    if (isScalar(own) && typeof own.value === 'string') return own.value;
    return this.report(this.at(node), `this is ${kindOf(own)}; write ${wants}`);
  }

  /** The nodes of a list. */
  items(node: YamlNode, wants: string): readonly YamlNode[] | undefined {
    const own = this.#own(node);
    if (isSeq(own)) return own.items as YamlNode[];
    return this.report(this.at(node), `this is ${kindOf(own)}; write ${wants}`);
  }

  /** Numbers, text and booleans, in lists or not. */
  value(node: YamlNode): YamlValue | undefined {
    return this.#value(node, 0);
  }

  #value(node: YamlNode, depth: number): YamlValue | undefined {
    const own = this.#own(node);
    this.#elementsLeft -= 1;
    if (this.#elementsLeft < 0) return this.report(this.at(node), `more than ${MAX_ELEMENTS} values; give fewer`);
    if (isSeq(own)) {
      if (depth === MAX_DEPTH) return this.report(this.at(node), `more than ${MAX_DEPTH} levels of lists; give fewer`);
      const values: YamlValue[] = [];
      for (const item of own.items) {
        const value = this.#value(item as YamlNode, depth + 1);
        if (value === undefined) return undefined;
        values.push(value);
      }
      return values;
    }
    const value = isScalar(own) ? own.value : undefined;
    if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return value;
    if (typeof value === 'string') return value;
    return this.report(this.at(node), `this is ${kindOf(own)}; write a number, text, true, false or a list of them`);
  }

  /** What an alias stands for. */
  #own(node: YamlNode): YamlNode {
    if (!isAlias(node)) return node;
    this.#aliasesLeft -= 1;
    if (this.#aliasesLeft >= 0) return node.resolve(this.#document);
    if (this.#aliasesLeft === -1) this.report(this.at(node), `more than ${MAX_ALIASES} aliases to follow; give fewer`);
    return undefined;
  }

  #place(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.path}:${line}:${col}`;
  }
}

function kindOf(node: YamlNode): string {
  if (isMap(node)) return 'a map';
  if (isSeq(node)) return 'a list';
  const value = isScalar(node) ? node.value : null;
  if (value === null || value === undefined) return 'empty';
  if (typeof value === 'string') return `the text ${quote(value)}`;
  return typeof value === 'boolean' ? String(value) : `the number ${String(value)}`;
}

const MAX_SHOWN = 60;

/** A name out of the file, quoted and cut. */
export function quote(text: string): string {
  return JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
}

/** "; did you mean …?", or the list of what there is. */
export function suggestion(name: string, known: readonly string[]): string {
  let nearest: string | undefined;
  // Of short names, all are near.
  let least = Math.min(name.length, Math.max(2, Math.floor(name.length / 2)) + 1);
  for (const each of name.length > MAX_SHOWN ? [] : known) {
    const edits = distance(name, each);
    if (edits < least) [nearest, least] = [each, edits];
  }
  if (nearest !== undefined) return `; did you mean ${quote(nearest)}?`;
  return known.length === 0 ? '; there are none' : `; there are ${known.map(quote).join(', ')}`;
}
