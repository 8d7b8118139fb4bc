/** The overview of the whole server. */
import { useEffect } from 'preact/hooks';

import type { Sentence } from '../../../../ledger/report.ts';
import { count, duration, percent } from '../format.ts';
import { about, connection, isCounting, models, refreshReports, reports, ticks } from '../live.ts';
import { goodput, lastTicks, summarize, type WindowSummary } from '../live-window.ts';
import { Loading, Panel, Tile, Words } from '../parts.tsx';
import { EndingsPlot, LatencyPlot } from '../plots/time-plots.tsx';
import { reportLink } from '../route.ts';
import { explain, missing, worst } from '../words.ts';
import { ModelsTable } from './models-table.tsx';

/** Seconds that the numbers cover. */
const WINDOW = 30;
const MOST_SENTENCES = 5;
/** Seconds between two requests for the first sentences of features' pages. */
const REPORTS_EVERY = 5;

export function OverviewPage() {
  const all = ticks.value;
  const report = models.value;
  const { lines, failures } = report === undefined ? { lines: [], failures: [] } : missing(report);
  const summary = summarize(lastTicks(all, WINDOW));
  return (
    <>
      <div class="page-head">
        <h1>Overview</h1>
        <Coverage seconds={summary.seconds} />
      </div>
      <WaitsFor lines={lines} isReady={report?.ready === true} />
      <Tiles summary={summary} />
      <div class="columns">
        <Panel title="Requests">
          <EndingsPlot ticks={all} />
        </Panel>
        <Panel title="Time to answer">
          <LatencyPlot ticks={all} />
        </Panel>
      </div>
      <Panel title="In words">
        <TrafficWords summary={summary} sloMs={about.value?.slo_ms} failures={failures} most={MOST_SENTENCES} />
      </Panel>
      <Panel title="Models" aside={whenLost()}>
        <ModelsTable ticks={lastTicks(all, WINDOW)} plotted={all} />
      </Panel>
      <Beside />
    </>
  );
}

/** What else happens beside the models: the first warning, or else sentence, of each page that a feature brings. */
function Beside() {
  const turn = Math.floor((ticks.value.at(-1)?.at_ms ?? 0) / 1000 / REPORTS_EVERY);
  useEffect(refreshReports, [turn]);
  const pages = reports.value.filter(({ first }) => first !== undefined);
  if (pages.length === 0) return null;
  return (
    <Panel title="Beside the models">
      <dl class="facts">
        {pages.map(({ name, title, first }) => (
          <div key={name}>
            <dt>
              <a href={reportLink(name)}>{title}</a>
            </dt>
            <dd>{first!.text}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}

/** Says which time the numbers cover: the server counts only while a page like this one is open. */
export function Coverage({ seconds }: { seconds: number }) {
  return (
    <p class="sub">
      {isCounting.value
        ? `The numbers cover the last ${count(Math.round(seconds))} seconds, the plots the last three minutes. The server counts while this page is open.`
        : connection.value === 'lost'
          ? 'The connection is lost: there are no numbers of now. The plots end where it broke.'
          : 'The server begins to count.'}
    </p>
  );
}

/** Text for models that are shown as they were when the connection ended; undefined while it holds. */
export function whenLost(): string | undefined {
  return connection.value === 'lost' ? 'as they were before the connection was lost' : undefined;
}

interface TrafficWordsProps {
  readonly summary: WindowSummary;
  readonly sloMs: number | undefined;
  /** The sentences about failed loads. They are of the models' state: they do not wait until something is counted. */
  readonly failures: readonly Sentence[];
  /** Absent = all sentences, in their order. */
  readonly most?: number;
}

export function TrafficWords({ summary, sloMs, failures, most = Infinity }: TrafficWordsProps) {
  if (isCounting.value) {
    const all = [...failures, ...explain(summary, sloMs)];
    return <Words sentences={most === Infinity ? all : worst(all, most)} />;
  }
  if (connection.value === 'lost') return <p class="muted">Nothing is known of now.</p>;
  return (
    <>
      <Words sentences={worst(failures, most)} />
      <Loading rows={2} />
    </>
  );
}

/** Shown while the start waits for models, and after it for what no sentence tells. */
function WaitsFor({ lines, isReady }: { lines: readonly string[]; isReady: boolean }) {
  if (lines.length === 0) return null;
  return (
    <div class="notice" role="status">
      <p>{isReady ? 'The server is ready, without:' : 'Not ready yet:'}</p>
      <ul>
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </div>
  );
}

/** Numbers of now, or dashes while nobody counts. */
export function Tiles({ summary }: { summary: WindowSummary }) {
  const { requests, seconds, inTime, p50Ms, p99Ms, queuedRows, runningBatches, inFlight, batches, batchRows } = summary;
  const share = goodput(summary);
  const isKnown = isCounting.value && seconds > 0;
  const shown = (value: string): string => (isKnown ? value : '–');
  const note = (text: string): string => (isKnown ? text : '');
  return (
    <div class="tiles">
      <Tile
        label="Requests"
        value={shown(`${count(requests / seconds)}/s`)}
        note={note(inFlight === undefined ? '' : `${inFlight} in flight`)}
      />
      <Tile
        label="Goodput"
        value={shown(percent(share))}
        note={note(`${count(inTime / seconds)}/s in time`)}
        {...(isKnown && share !== undefined && share < 0.99 && { tone: 'warn' as const })}
      />
      <Tile label="p50" value={shown(duration(p50Ms))} note={note(p50Ms === undefined ? '' : 'half are faster')} />
      <Tile label="p99" value={shown(duration(p99Ms))} note={note(p99Ms === undefined ? '' : '99 in 100 are faster')} />
      <Tile
        label="Queue"
        value={shown(count(queuedRows))}
        note={note(`rows wait; ${runningBatches} ${runningBatches === 1 ? 'batch runs' : 'batches run'}`)}
      />
      <Tile
        label="Batch"
        value={shown(batches === 0 ? '–' : count(batchRows / batches))}
        note={note(`rows; ${count(batches / seconds)} batches/s`)}
      />
    </div>
  );
}
