/**
 * GET /arrivals[?seconds=300]: the arrivals of the last seconds (arrival-ring.ts), for `pillion
 * what-if` and other tools. The columns have one element for each request, in the order of arrival.
 *
 *   {"now": "2026-…Z", "span_ms": 60000, "dropped": 0, "models": [{"model", "version", "signature"}, …],
 *    "at_ms": [0.4, …], "model": [0, …], "rows": [1, …], "deadline_ms": [50, null, …], "outcome": ["answered", …],
 *    "took_ms": [3.1, …]}
 *
 * A full ring is 3 MB of text. It is written in slices, so that requests are answered in between.
 */

import type { Refusal } from '../../admin/access-guard.ts';
import type { AdminPath, Asked } from '../../admin/admin-path.ts';
import { type Clock, isoTime } from '../../core/clock.ts';
import { inSlices, type Steps } from '../../core/in-slices.ts';
import { SteadyWall } from '../../ledger/steady-wall.ts';
import { ARRIVAL_OUTCOMES, type ArrivalRing, type ArrivalsView } from './arrival-ring.ts';

const DEFAULT_SECONDS = 300;
/** Elements that one slice writes. */
const SLICE = 4096;

export class ArrivalsEndpoint {
  readonly #ring: Pick<ArrivalRing, 'view'>;
  readonly #clock: Clock;
  readonly #wall: SteadyWall;

  constructor({ ring, clock }: { readonly ring: Pick<ArrivalRing, 'view'>; readonly clock: Clock }) {
    this.#ring = ring;
    this.#clock = clock;
    this.#wall = new SteadyWall(clock);
  }

  paths(): readonly AdminPath[] {
    const says = "when the last minutes' requests came: ?seconds=N";
    return [{ method: 'GET', path: '/arrivals', says, answer: (asked) => this.#answer(asked) }];
  }

  /** Resolves with why it does not answer, or with undefined once the answer is written. */
  async #answer({ query, response }: Asked): Promise<Refusal | undefined> {
    const seconds = readSeconds(query);
    if (typeof seconds !== 'number') return seconds;
    const view = this.#ring.view(seconds * 1000, this.#clock.nowMs());
    response.writeHead(200, { 'content-type': 'application/json' });
    await inSlices(writeView(view, isoTime(this.#wall.of(view.to)), (text) => response.write(text)));
    response.end();
    return undefined;
  }
}

function readSeconds(query: URLSearchParams): number | Refusal {
  const unknown = [...query.keys()].find((name) => name !== 'seconds');
  if (unknown !== undefined) return { status: 400, text: `unknown parameter "${unknown}"; there is seconds` };
  const text = query.get('seconds') || String(DEFAULT_SECONDS);
  const seconds = Number(text);
  if (seconds > 0 && seconds < Infinity) return seconds;
  return { status: 400, text: `seconds=${text} wants a number above 0` };
}

function* writeView(view: ArrivalsView, now: string, write: (text: string) => void): Steps<void> {
  const { from, to, dropped, signatures: models } = view;
  const head = JSON.stringify({ now, span_ms: micros(to - from), dropped, models });
  write(head.slice(0, -1));
  const { atMicros, signature, rows, budgetMs, outcome, tookMs } = view;
  const columns: readonly (readonly [name: string, textOf: (i: number) => string | number])[] = [
    ['at_ms', (i) => atMicros[i]! / 1000],
    ['model', (i) => signature[i]!],
    ['rows', (i) => rows[i]!],
    ['deadline_ms', (i) => (budgetMs[i] === Infinity ? 'null' : micros(budgetMs[i]!))],
    ['outcome', (i) => `"${ARRIVAL_OUTCOMES[outcome[i]!]}"`],
    ['took_ms', (i) => micros(tookMs[i]!)],
  ];
  for (const [name, textOf] of columns) {
    write(`,"${name}":[`);
    for (let start = 0; start < rows.length; start += SLICE) {
      write(`${start === 0 ? '' : ','}${sliceText(start, Math.min(rows.length, start + SLICE), textOf)}`);
      yield;
    }
    write(']');
  }
  write('}\n');
}

function sliceText(start: number, end: number, textOf: (i: number) => string | number): string {
  let text = String(textOf(start));
  for (let i = start + 1; i < end; i++) text += `,${textOf(i)}`;
  return text;
}

/** Rounds ms to microseconds. */
function micros(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
