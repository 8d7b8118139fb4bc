/** The overview of the whole server. */

import type { ModelReport } from '../../../../admin/models-report.ts';
import type { LiveTick } from '../../live-report.ts';
import { count, duration, percent } from '../format.ts';
import { about, connection, isCounting, models, ticks } from '../live.ts';
import { goodput, lastTicks, summarize, type WindowSummary } from '../live-window.ts';
import { Empty, Loading, Panel, Tile, Words } from '../parts.tsx';
import { EndingsPlot, LatencyPlot, Sparkline } from '../plots/time-plots.tsx';
import { modelLink } from '../route.ts';
import { explain } from '../words.ts';
import { stateOf } from './version-state.tsx';

/** Seconds that the numbers cover. */
const WINDOW = 30;

export function OverviewPage() {
  const all = ticks.value;
  const summary = summarize(lastTicks(all, WINDOW));
  return (
    <>
      <div class="page-head">
        <h1>Overview</h1>
        <Coverage seconds={summary.seconds} />
      </div>
      <WaitsFor />
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
        <TrafficWords summary={summary} sloMs={about.value?.slo_ms} />
      </Panel>
      <Panel title="Models" aside={whenLost()}>
        <ModelsTable all={all} />
      </Panel>
    </>
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

export function TrafficWords({ summary, sloMs }: { summary: WindowSummary; sloMs: number | undefined }) {
  if (isCounting.value) return <Words sentences={explain(summary, sloMs)} />;
  return connection.value === 'lost' ? <p class="muted">Nothing is known of now.</p> : <Loading rows={2} />;
}

/** Shown while the start waits for models. */
function WaitsFor() {
  const waits = models.value?.waits_for ?? [];
  if (waits.length === 0) return null;
  return (
    <div class="notice" role="status">
      <p>Not ready yet:</p>
      <ul>
        {waits.map((line) => (
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

function ModelsTable({ all }: { all: readonly LiveTick[] }) {
  const report = models.value;
  if (report === undefined) return <Loading />;
  if (report.models.length === 0) {
    return (
      <Empty title="No model is served">
        <p>
          Start with <code>--model=NAME=DIRECTORY</code>, or reload a configuration that lists some.
        </p>
      </Empty>
    );
  }
  return (
    <div class="scroll">
      <table class="models">
        <thead>
          <tr>
            <th>Model</th>
            <th>Versions</th>
            <th class="wide">Last minutes</th>
            <th class="number">Requests</th>
            <th class="number">Goodput</th>
            <th class="number">p50</th>
            <th class="number">p99</th>
            <th class="number">Queue</th>
          </tr>
        </thead>
        <tbody>
          {report.models.map((model) => (
            <ModelRow key={model.name} model={model} all={all} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ModelRow({ model, all }: { model: ModelReport; all: readonly LiveTick[] }) {
  const summary = summarize(lastTicks(all, WINDOW), { model: model.name });
  const { requests, seconds, p50Ms, p99Ms, queuedRows } = summary;
  const shown = (value: string): string => (isCounting.value && seconds > 0 ? value : '–');
  return (
    <tr>
      <td>
        <a class="row-link" href={modelLink(model.name)}>
          {model.name}
        </a>
      </td>
      <td>{stateOf(model)}</td>
      <td class="wide">
        <Sparkline ticks={all} model={model.name} />
      </td>
      <td class="number">{shown(`${count(requests / seconds)}/s`)}</td>
      <td class="number">{shown(percent(goodput(summary)))}</td>
      <td class="number">{shown(duration(p50Ms))}</td>
      <td class="number">{shown(duration(p99Ms))}</td>
      <td class="number">{shown(count(queuedRows))}</td>
    </tr>
  );
}
