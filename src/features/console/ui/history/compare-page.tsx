/** Two spans of time, or two versions, beside each other: counts, ends, times to answer and stages. */
import { useState } from 'preact/hooks';
import { STAGES } from '../../../../ledger/stage-clock.ts';
import { count, duration, percent, ratio } from '../format.ts';
import { models } from '../live.ts';
import { goodput, summarize, type WindowSummary } from '../live-window.ts';
import { Failure, Loading, Panel, Select } from '../parts.tsx';
import { fieldTime, range, spanOf } from '../range.ts';
import { TimeField } from '../range-control.tsx';
import { useLoaded } from '../use-loaded.ts';
import { loadPast, type Past } from './past.ts';
import { Restarts } from './past-page.tsx';

const QUARTER_MS = 900_000;

/** One side, as the address has it. An empty name admits all; times are local, as fields for times have them. */
interface Side {
  readonly model: string;
  readonly version: string;
  readonly since: string;
  readonly until: string;
}

interface Sides {
  readonly a: Side;
  readonly b: Side;
}

export function ComparePage({ query }: { query: URLSearchParams }) {
  // A default that moved with the time would be loaded again and again.
  const [now] = useState(Date.now);
  const sides = sidesOf(query, now);
  const change = (name: 'a' | 'b') => (values: Partial<Side>) => {
    const next = new URLSearchParams(query);
    const changed: Sides = { ...sides, [name]: { ...sides[name], ...values } };
    const isTimeOfB = 'since' in values || 'until' in values || !hasDefaultTime(sides);
    // Both are written: what they are by default depends on the time.
    for (const [key, side] of Object.entries<Side>({ ...(isTimeOfB ? changed : withDefaultTime(changed)) })) {
      for (const [field, value] of Object.entries(side)) next.set(`${key}.${field}`, value);
    }
    location.hash = `#/compare?${next}`;
  };
  return (
    <>
      <div class="page-head">
        <h1>Compare</h1>
        <p class="sub">Two spans of time, or two versions, beside each other.</p>
      </div>
      <div class="columns">
        <Panel title="A">
          <SideFields side={sides.a} change={change('a')} />
        </Panel>
        <Panel title="B">
          <SideFields side={sides.b} change={change('b')} />
        </Panel>
      </div>
      <Comparison a={sides.a} b={sides.b} />
    </>
  );
}

/** By default A is the span that all pages show, or the last quarter of an hour. */
function sidesOf(query: URLSearchParams, now: number): Sides {
  const shown = spanOf(range.value, now) ?? { from: now - QUARTER_MS, to: now };
  const sideOf = (name: 'a' | 'b', { since, until }: Pick<Side, 'since' | 'until'>): Side => {
    const get = (field: string, otherwise: string): string => query.get(`${name}.${field}`) ?? otherwise;
    return {
      model: get('model', ''),
      version: get('version', ''),
      since: get('since', since),
      until: get('until', until),
    };
  };
  const a = sideOf('a', { since: fieldTime(shown.from), until: fieldTime(shown.to) });
  const { b } = withDefaultTime({ a, b: sideOf('b', a) });
  return { a, b: sideOf('b', b) };
}

/** B is of the time before A; of A's own time where they are two models or two versions. */
function withDefaultTime({ a, b }: Sides): Sides {
  const areTwo = a.model !== '' && b.model !== '' && (a.model !== b.model || a.version !== b.version);
  const span = spanOf(a, Date.now());
  if (areTwo || span === undefined) return { a, b: { ...b, since: a.since, until: a.until } };
  return { a, b: { ...b, since: fieldTime(2 * span.from - span.to), until: a.since } };
}

/** B's time is one that withDefaultTime gives. */
function hasDefaultTime({ a, b }: Sides): boolean {
  return b.until === a.since || (b.since === a.since && b.until === a.until);
}

function SideFields({ side, change }: { side: Side; change: (values: Partial<Side>) => void }) {
  const known = models.value?.models ?? [];
  const versions = known.find(({ name }) => name === side.model)?.versions.map(({ version }) => version) ?? [];
  const any = (option: string): string => (option === '' ? 'all' : option);
  const withChosen = (options: readonly string[], chosen: string): readonly string[] => [
    '',
    ...new Set([...options, chosen].filter((option) => option !== '')),
  ];
  return (
    <div class="filters">
      <Select
        label="Model"
        value={side.model}
        options={withChosen(
          known.map(({ name }) => name),
          side.model,
        )}
        set={(model) => change({ model, version: '' })}
        textOf={any}
      />
      <Select
        label="Version"
        value={side.version}
        options={withChosen(versions, side.version)}
        set={(version) => change({ version })}
        textOf={any}
      />
      <TimeField label="From" value={side.since} set={(since) => change({ since })} />
      <TimeField label="To" value={side.until} set={(until) => change({ until })} />
    </div>
  );
}

function Comparison({ a, b }: { a: Side; b: Side }) {
  const { value, error, again } = useLoaded(
    async (signal) => ({ a: await pastOf(a, signal), b: await pastOf(b, signal) }),
    JSON.stringify([a, b]),
  );
  if (error !== undefined) return <Failure error={error} again={again} />;
  if (value === undefined) return <Loading rows={8} />;
  const restarts = [...value.a.restarts, ...value.b.restarts];
  return (
    <>
      <Restarts
        restarts={restarts.filter((each, i) => restarts.findIndex((r) => r.started_at_ms === each.started_at_ms) === i)}
      />
      <Panel title="A and B">
        <ComparedTable a={summaryOf(value.a, a)} b={summaryOf(value.b, b)} />
      </Panel>
    </>
  );
}

function pastOf({ since, until }: Side, signal: AbortSignal): Promise<Past> {
  const span = spanOf({ since, until }, Date.now());
  if (span === undefined) throw new Error('Say from when to when.');
  return loadPast(span, 1, signal);
}

function summaryOf({ ticks }: Past, { model, version }: Side): WindowSummary {
  return summarize(ticks, model === '' ? undefined : { model, ...(version !== '' && { version }) });
}

interface Row {
  readonly name: string;
  readonly of: (summary: WindowSummary) => number | undefined;
  readonly text: (value: number | undefined) => string;
}

const number = (value: number | undefined): string => (value === undefined ? '–' : count(value));
const share = (part: 'late' | 'refused' | 'failed' | 'wrong') => (summary: WindowSummary) =>
  summary.requests === 0 ? undefined : summary[part] / summary.requests;

const ROWS: readonly Row[] = [
  { name: 'Requests', of: ({ requests }) => requests, text: number },
  {
    name: 'Requests per second',
    of: ({ requests, seconds }) => (seconds === 0 ? undefined : requests / seconds),
    text: number,
  },
  { name: 'Goodput', of: goodput, text: percent },
  { name: 'Late', of: share('late'), text: percent },
  { name: 'Refused', of: share('refused'), text: percent },
  { name: 'Failed', of: share('failed'), text: percent },
  { name: 'Callers’ mistakes', of: share('wrong'), text: percent },
  { name: 'p50', of: ({ p50Ms }) => p50Ms, text: duration },
  { name: 'p99', of: ({ p99Ms }) => p99Ms, text: duration },
  ...STAGES.map((stage, i): Row => ({ name: `Stage ${stage}`, of: ({ stagesMs }) => stagesMs[i], text: duration })),
];

function ComparedTable({ a, b }: { a: WindowSummary; b: WindowSummary }) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Of all requests</th>
            <th class="number">A</th>
            <th class="number">B</th>
            <th class="number">A to B</th>
          </tr>
        </thead>
        <tbody>
          {ROWS.map(({ name, of, text }) => (
            <tr key={name}>
              <td>{name}</td>
              <td class="number">{text(of(a))}</td>
              <td class="number">{text(of(b))}</td>
              <td class="number">{ratio(of(a), of(b))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
