/**
 * The tables of REST: one row for each method of a protocol. The routes of the Open Inference Protocol are matched by
 * its table, and /openapi.json is made of the tables of all protocols, so that it cannot say anything else.
 */
/** Media types, and the name of the schema of what is in them; undefined = bytes that no schema describes. */
export type Content = Readonly<Record<string, string | undefined>>;

export interface Operation<Kind extends string = string> {
  readonly kind: Kind;
  /** The method's name in records: 'ModelInfer'. */
  readonly method: string;
  readonly http: 'GET' | 'POST';
  /** Templates that all mean the same. `{model}`, `{version}`, … stand for one segment each. */
  readonly paths: readonly string[];
  readonly summary: string;
  /** Absent: it has no body. */
  readonly request?: Content;
  /** The request may have no body, all the same. */
  readonly isBodyOptional?: boolean;
  /** Absent: the answer has no body. */
  readonly answer?: Content;
  /** Statuses of errors, beside those of every request. */
  readonly errors: readonly number[];
  /** The name of the schema of its errors' bodies. Default: `{"error": "<text>"}`. */
  readonly errorSchema?: string;
  /** True: it is answered outside of requests, without a key. All errors are `errors`, with the body of `answer`. */
  readonly isOpen?: boolean;
  /** Its requests take the headers of an inference: deadline, priority, and so on. */
  readonly isInference?: boolean;
  /** The names of further request headers. */
  readonly headers?: readonly string[];
  /** The names of headers of an answer that is no error. */
  readonly answerHeaders?: readonly string[];
}

interface Matched<Kind extends string> {
  readonly operation: Operation<Kind>;
  /** The segments that stand for the template's names, in order, not decoded. */
  readonly segments: readonly string[];
  /** The names in the template: 'model', 'version'. */
  readonly names: readonly string[];
  readonly template: string;
}

interface Pattern<Kind extends string> {
  readonly path: RegExp;
  readonly template: string;
  readonly names: readonly string[];
  readonly operation: Operation<Kind>;
}

/** Matches paths with the templates of a table; the first that fits, where several do. */
export class OperationTable<Kind extends string> {
  readonly operations: readonly Operation<Kind>[];
  readonly #patterns: readonly Pattern<Kind>[];

  constructor(operations: readonly Operation<Kind>[]) {
    this.operations = operations;
    this.#patterns = operations.flatMap((operation) =>
      operation.paths.map((path) => ({ path: patternOf(path), template: path, names: namesIn(path), operation })),
    );
  }

  /** Finds all methods of the path: at most one for GET and one for POST. */
  match(path: string): readonly Matched<Kind>[] {
    const found: Matched<Kind>[] = [];
    for (const { path: pattern, names, operation, template } of this.#patterns) {
      const match = pattern.exec(path);
      if (match === null || found.some((other) => other.operation.http === operation.http)) continue;
      found.push({ operation, segments: match.slice(1), names, template });
    }
    return found;
  }
}

/** The names in a path's template. */
export function namesIn(template: string): readonly string[] {
  return [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
}

function patternOf(template: string): RegExp {
  const text = template.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '([^/]+)');
  return new RegExp(`^${text}$`);
}
