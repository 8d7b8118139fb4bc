/** Pure. The options of `pillion requests` as the parameters of GET /requests. */
import { systemClock } from '../../../core/clock.ts';
import { readTime } from '../query/read-time.ts';
import { readRequestQuery } from '../query/request-query.ts';

export interface PickOptions {
  readonly since: string;
  readonly until: string;
  readonly model: string;
  readonly version: string;
  readonly caller: string;
  readonly outcome: string;
  readonly error: string;
  readonly id: string;
  readonly trace: string;
  readonly kept: string;
  readonly order: string;
  readonly limit: number;
}

const DEFAULT_SINCE = '1h';
const NAMES = [
  ...(['until', 'model', 'version', 'caller', 'outcome', 'error', 'id', 'trace', 'kept', 'order'] as const),
];

/** Times become ms since 1970: the sidecar may live in another time zone. */
export function queryOf(options: PickOptions, nowMs: number): URLSearchParams {
  const { since, id, trace, limit } = options;
  const query = new URLSearchParams({ limit: String(limit) });
  const from = since === '' && id === '' && trace === '' ? DEFAULT_SINCE : since;
  for (const [name, value] of [['since', from] as const, ...NAMES.map((each) => [each, options[each]] as const)]) {
    if (value === '') continue;
    const time = name === 'since' || name === 'until' ? readTime(value, nowMs) : undefined;
    query.set(name, time === undefined ? value : String(Math.round(time)));
  }
  return query;
}

/** The mistakes, as the command line has them. */
export function queryErrors(options: PickOptions): readonly string[] {
  const nowMs = systemClock.wallMs();
  const read = readRequestQuery(queryOf(options, nowMs), nowMs);
  return 'status' in read ? read.text.split('; ').map((mistake) => `--${mistake}`) : [];
}
