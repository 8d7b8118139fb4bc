/**
 * GET /history[?since=15m][&until=…][&model=NAME][&steps=90]: the traffic of a span by model version, in steps
 * (history-report.ts). The last quarter of an hour is remembered; what was before is in the file, if there is one.
 */
import type { Refusal } from '../../../admin/access-guard.ts';
import { type AdminPath, type Asked, sendJson } from '../../../admin/admin-path.ts';
import type { Clock } from '../../../core/clock.ts';
import type { FoundTraffic } from '../file/file-query.ts';
import { readTime, TIME_FORMS } from '../query/read-time.ts';
import type { RequestQuery } from '../query/request-query.ts';
import { type HistoryReport, type HistoryTick, mergeTicks } from './history-report.ts';
import type { TrafficHistory } from './traffic-history.ts';
import { SLOT_MS } from './version-traffic.ts';

type Span = Pick<RequestQuery, 'since' | 'until'>;

export interface HistoryEndpointOptions {
  readonly history: Pick<TrafficHistory, 'ticks'>;
  readonly clock: Clock;
  /** Undefined if there is no file. */
  readonly past?: { traffic(span: Span): Promise<FoundTraffic> } | undefined;
}

interface HistoryQuery {
  readonly since: number;
  readonly until: number;
  readonly model: string | undefined;
  readonly steps: number;
}

const PARAMETERS: readonly string[] = ['since', 'until', 'model', 'steps'];
const DEFAULT_SINCE = '15m';
const DEFAULT_STEPS = 90;
const MOST_STEPS = 180;

export class HistoryEndpoint {
  readonly #options: HistoryEndpointOptions;

  constructor(options: HistoryEndpointOptions) {
    this.#options = options;
  }

  paths(): readonly AdminPath[] {
    const says = 'traffic of the past: ?since=15m&until=&model=NAME&steps=N';
    return [{ method: 'GET', path: '/history', says, answer: (asked) => this.#answer(asked) }];
  }

  async #answer({ query, response }: Asked): Promise<Refusal | undefined> {
    const { clock } = this.#options;
    const now = clock.wallMs();
    const asked = readHistoryQuery(query, now);
    if ('status' in asked) return asked;
    const { since, until, model, steps } = asked;
    const { ticks, restarts } = await this.#find(since, until);
    const step = Math.max(SLOT_MS, (until - since) / steps);
    const merged = mergeTicks(ticks, since, step).map((tick) =>
      model === undefined ? tick : { ...tick, versions: tick.versions.filter((each) => each.model === model) },
    );
    const report: HistoryReport = { now_ms: now, step_ms: Math.round(step), ticks: merged, restarts };
    sendJson(response, report);
    return undefined;
  }

  async #find(since: number, until: number): Promise<FoundTraffic> {
    const { history, past } = this.#options;
    const remembered = history.ticks(-Infinity);
    const oldest = remembered[0];
    const isRemembered = oldest !== undefined && since >= oldest.at_ms - oldest.span_ms;
    const written = isRemembered ? undefined : await past?.traffic({ since, until });
    const inSpan = ({ at_ms, span_ms }: HistoryTick): boolean =>
      at_ms - span_ms / 2 > since && at_ms - span_ms / 2 <= until;
    const newest = written?.ticks.at(-1)?.at_ms ?? -Infinity;
    const later = history.ticks(newest).filter(inSpan);
    return { ticks: [...(written?.ticks ?? []), ...later], restarts: written?.restarts ?? [] };
  }
}

function readHistoryQuery(query: URLSearchParams, now: number): HistoryQuery | Refusal {
  const wrong: string[] = [];
  for (const name of query.keys()) if (!PARAMETERS.includes(name)) wrong.push(`unknown parameter "${name}"`);
  const time = (name: string, otherwise: string): number => {
    const text = query.get(name) || otherwise;
    const found = readTime(text, now);
    if (found === undefined) wrong.push(`${name}=${text} wants ${TIME_FORMS}`);
    return found ?? now;
  };
  const steps = Number(query.get('steps') || DEFAULT_STEPS);
  if (!Number.isSafeInteger(steps) || steps < 1 || steps > MOST_STEPS) {
    wrong.push(`steps=${query.get('steps')} wants a whole number from 1 to ${MOST_STEPS}`);
  }
  const [since, until] = [time('since', DEFAULT_SINCE), time('until', '0s')];
  if (since >= until && wrong.length === 0) wrong.push('since must be before until');
  return wrong.length > 0
    ? { status: 400, text: wrong.join('; ') }
    : { since, until, steps, model: query.get('model') || undefined };
}
