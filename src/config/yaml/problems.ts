/** Issues that a schema finds in a YAML file → error texts, each with its place. */
import * as v from 'valibot';
import { nearestName } from '../nearest-name.ts';
import { isMap } from './kinds.ts';
import type { YamlDocument, YamlPath } from './yaml-document.ts';

type Issue = v.BaseIssue<unknown>;

/** The sentences of a file's problems. */
export interface Wording {
  /** A value of the wrong type. `wants` is "a number from 0 to 1" or similar; `words` are the allowed words, if any. */
  wrong(path: YamlPath, input: unknown, wants: string, words: readonly string[] | undefined): string;
  /** A value of the right type with a problem, such as "may not be empty". */
  bad(path: YamlPath, problem: string): string;
  /** `owner` is the mapping's path. */
  unknownKey(owner: YamlPath, key: string, known: readonly string[]): string;
  missingKey(owner: YamlPath, key: string): string;
  /** A key without a value. */
  noValue(path: YamlPath, wants: string): string;
}

/**
 * Reads the document by a schema. Wrong parts are reported as the document's problems and left out; the rest is read.
 * Undefined if nothing is left.
 */
export function readDocument<S extends v.GenericSchema>(
  document: YamlDocument,
  schema: S,
  wording: Wording,
): v.InferOutput<S> | undefined {
  for (let isFirst = true; ; isFirst = false) {
    const { success, output, issues } = v.safeParse(schema, document.data);
    if (success) return output;
    if (isFirst) reportIssues(document, issues, wording);
    const paths = issues.flatMap(innermost).map(pathOf);
    // A missing key cannot be left out, so the mapping around it is.
    for (let up = 0, isLess = false; !isLess; up++) {
      if (paths.some(({ length }) => length <= up)) return undefined;
      for (const path of paths) isLess = document.leaveOut(path.slice(0, path.length - up)) || isLess;
    }
  }
}

export function reportIssues(document: YamlDocument, issues: readonly Issue[], wording: Wording): void {
  for (const issue of issues.flatMap(innermost)) {
    const path = pathOf(issue);
    const problem = textOf(issue, path, wording);
    if (issue.type === 'variant' && issue.input === undefined) document.reportKey(path.slice(0, -1), problem);
    else if (issue.type === 'check' || issue.path?.at(-1)?.origin === 'key') document.reportKey(path, problem);
    else document.report(path, problem);
  }
}

/** The keys and indexes that lead to the issue. */
export function pathOf({ path = [] as never }: Issue): YamlPath {
  return path.map(({ key }) => key);
}

/** If a value may have one of several forms: the issues inside the form that it has. */
export function innermost(issue: Issue): readonly Issue[] {
  const inside = issue.issues?.filter(({ path, kind }) => path !== undefined || kind === 'validation') ?? [];
  if (inside.length === 0) return [issue];
  const path = issue.path ?? [];
  return inside.flatMap(innermost).map((each) => ({ ...each, path: [...path, ...(each.path ?? [])] as never }));
}

function textOf(issue: Issue, path: YamlPath, wording: Wording): string {
  const { type, kind, input, message } = issue;
  const owner = path.slice(0, -1);
  const key = String(path.at(-1));
  const words = issue.requirement as readonly string[];
  const wants = type === 'variant' && Array.isArray(words) ? `one of ${words.join(', ')}` : message;
  if (type === 'check' || type === 'raw_check') return message;
  if (type === 'unknown_key') return wording.unknownKey(owner, key, words);
  if (type === 'non_empty') return wording.bad(path, message);
  if (input === undefined) return wording.missingKey(owner, key);
  if (input === null && path.length > 0) return wording.noValue(path, wants);
  return wording.wrong(path, input, wants, kind === 'schema' && Array.isArray(words) ? words : undefined);
}

/** Sentences that name parts of a file by their keys: "batching wants …". */
export function byKeys(root: string, names: Readonly<Record<string, (key: string) => string>> = {}): Wording {
  const nameOf = (path: YamlPath): string => {
    const [owner, last] = [String(path.at(-2)), path.at(-1)];
    if (last === undefined) return root;
    if (Object.hasOwn(names, owner)) return names[owner]!(String(last));
    return typeof last === 'number' ? owner : String(last);
  };
  return {
    wrong: (path, input, wants) => `${nameOf(path)} wants ${wants}, not ${describe(input)}`,
    bad: (path, problem) => `${nameOf(path)} ${problem}`,
    unknownKey: (owner, key, known) => `${nameOf(owner)} has no ${quote(key)}${suggestion(key, known, String)}`,
    missingKey: (owner, key) =>
      owner.length === 0 ? `there is no ${key}` : `${nameOf(owner).replace(/^a /, 'the ')} has no ${key}`,
    noValue: (path, wants) =>
      typeof path.at(-1) === 'number' ? `${nameOf(path)} wants ${wants}, not nothing` : `${nameOf(path)} has no value`,
  };
}

function describe(value: unknown): string {
  if (isMap(value)) return '"key: value" lines';
  if (Array.isArray(value)) return 'a list';
  return value === null ? 'nothing' : JSON.stringify(String(value).slice(0, MAX_SHOWN));
}

const MAX_SHOWN = 60;

/** A name from a file, quoted and shortened. */
export function quote(text: string): string {
  return JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
}

/** "; did you mean …?", or the list of known names. */
export function suggestion(name: string, known: readonly string[], show: (name: string) => string = quote): string {
  const nearest = nearestName(name, known);
  // Every short name is near; one without a letter in common is not meant.
  if (nearest !== undefined && [...nearest].some((letter) => name.includes(letter)))
    return `; did you mean ${quote(nearest)}?`;
  return known.length === 0 ? '; there are none' : `; there are ${known.map(show).join(', ')}`;
}
