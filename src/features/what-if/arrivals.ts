/** The answer of GET /arrivals: the requests that a sidecar got lately, as columns. */

export interface ArrivalsReport {
  /** The end of the span, ISO 8601. */
  readonly now: string;
  readonly span_ms: number;
  /** Requests of the span that are not in it. */
  readonly dropped: number;
  readonly models: readonly { readonly model: string; readonly version: string; readonly signature: string }[];
  /** Milliseconds from the start of the span, ascending. */
  readonly at_ms: readonly number[];
  /** Indices of `models`. */
  readonly model: readonly number[];
  readonly rows: readonly number[];
  /** The time that the client gave it, from its arrival on; null = it set no deadline. */
  readonly deadline_ms: readonly (number | null)[];
  /** answered, refused, late, failed or cancelled. */
  readonly outcome: readonly string[];
  /** Milliseconds from its arrival to its end. */
  readonly took_ms: readonly number[];
}

/** Throws with what is wrong. */
export function readArrivals(text: string): ArrivalsReport {
  const report = parse(text);
  const { at_ms, models, span_ms, model, rows, deadline_ms, outcome, took_ms } = report;
  const columns = { at_ms, model, rows, deadline_ms, outcome, took_ms };
  for (const [name, column] of Object.entries({ models, ...columns })) {
    if (!Array.isArray(column)) throw unreadable(`${name} is no list`);
  }
  for (const [name, column] of Object.entries(columns)) {
    if (column.length === at_ms.length) continue;
    throw unreadable(`at_ms has ${at_ms.length} elements and ${name} ${column.length}`);
  }
  if (typeof span_ms !== 'number') throw unreadable('span_ms is no number');
  for (const [name, column] of Object.entries({ at_ms, rows, took_ms })) {
    const wrong = column.findIndex((value) => !(Number.isFinite(value) && value >= 0));
    if (wrong !== -1) throw unreadable(`${name}[${wrong}] is ${JSON.stringify(column[wrong])}`);
  }
  const strange = model.findIndex((index) => models[index] === undefined);
  if (strange !== -1) throw unreadable(`model[${strange}] is ${model[strange]}, and there are ${models.length} models`);
  return report;
}

function parse(text: string): ArrivalsReport {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unreadable((error as Error).message);
  }
  if (typeof value !== 'object' || value === null) throw unreadable('no object');
  return value as ArrivalsReport;
}

function unreadable(what: string): Error {
  return new Error(`its answer of GET /arrivals cannot be read: ${what}; is it another version of Pillion?`);
}
