/** The traffic of a span of time, of the whole server or of one model, where the live numbers are of now. */
import { count, duration, percent } from '../format.ts';
import { about } from '../live.ts';
import { goodput, summarize } from '../live-window.ts';
import { Empty, Failure, Loading, Panel, Tile, Words } from '../parts.tsx';
import { EndingsPlot, LatencyPlot, StagesPlot } from '../plots/time-plots.tsx';
import { range, type Span, spanOf } from '../range.ts';
import { modelLink } from '../route.ts';
import { useLoaded } from '../use-loaded.ts';
import { explain } from '../words.ts';
import { dateTime, loadPast, type Past, restartWords } from './past.ts';
import { useTurns } from './use-turns.ts';

const STEPS = 90;
const REFRESH_MS = 10_000;

export function PastPage({ model }: { model: string | undefined }) {
  const { since, until } = range.value;
  const turn = useTurns(REFRESH_MS, until === '');
  const { value, error, again } = useLoaded(async (signal) => {
    const span = spanOf(range.value, Date.now())!;
    return { span, past: await loadPast(span, STEPS, signal) };
  }, `${since} ${until} ${turn}`);
  return (
    <>
      <div class="page-head">
        {model !== undefined && (
          <p class="crumb">
            <a href="#/">Overview</a> ›
          </p>
        )}
        <h1>{model ?? 'Overview'}</h1>
        <p class="sub">
          {value === undefined ? '\u00a0' : `${dateTime(value.span.from)} to ${dateTime(value.span.to)}`}
        </p>
      </div>
      {error !== undefined && <Failure error={error} again={again} />}
      {value === undefined ? (
        error === undefined && <Loading rows={8} />
      ) : (
        <Traffic span={value.span} past={value.past} model={model} />
      )}
    </>
  );
}

interface TrafficProps {
  readonly span: Span;
  readonly past: Past;
  readonly model: string | undefined;
}

function Traffic({ span, past, model }: TrafficProps) {
  const { ticks, restarts } = past;
  const choice = model === undefined ? undefined : { model };
  const summary = summarize(ticks, choice);
  if (ticks.length === 0) {
    return (
      <Empty title="Nothing is known of that time">
        <p>The server remembers a quarter of an hour, and more with --flight_recorder_file.</p>
      </Empty>
    );
  }
  return (
    <>
      <Restarts restarts={restarts} />
      <PastTiles summary={summary} />
      <div class="columns">
        <Panel title="Requests">
          <EndingsPlot ticks={ticks} choice={choice} span={span} />
        </Panel>
        <Panel title="Time to answer">
          <LatencyPlot ticks={ticks} choice={choice} span={span} />
        </Panel>
      </div>
      <Panel title="In words">
        <Words sentences={explain(summary, about.value?.slo_ms)} />
      </Panel>
      <Panel title="Versions">
        <VersionsOfSpan past={past} model={model} />
      </Panel>
      <Panel title="Stages">
        <StagesPlot ticks={ticks} choice={choice} span={span} />
      </Panel>
    </>
  );
}

export function Restarts({ restarts }: Pick<Past, 'restarts'>) {
  if (restarts.length === 0) return null;
  return (
    <div class="notice">
      <ul>
        {restarts.map((restart) => (
          <li key={restart.started_at_ms}>{restartWords(restart)}</li>
        ))}
      </ul>
    </div>
  );
}

function PastTiles({ summary }: { summary: ReturnType<typeof summarize> }) {
  const { requests, seconds, failed, refused, late, wrong, p50Ms, p99Ms } = summary;
  return (
    <div class="tiles">
      <Tile label="Requests" value={count(requests)} note={`${count(requests / seconds)}/s`} />
      <Tile label="Goodput" value={percent(goodput(summary))} note={`${count(late)} late, ${count(refused)} refused`} />
      <Tile label="p50" value={duration(p50Ms)} note="half are faster" />
      <Tile label="p99" value={duration(p99Ms)} note="99 in 100 are faster" />
      <Tile label="Failed" value={count(failed)} note={`${count(wrong)} were the callers’ mistakes`} />
    </div>
  );
}

/** The versions that had requests in the span, those with most first. */
function VersionsOfSpan({ past: { ticks }, model }: { past: Past; model: string | undefined }) {
  const names = new Map(
    ticks.flatMap(({ versions }) => versions).map((each) => [JSON.stringify([each.model, each.version]), each]),
  );
  const rows = [...names.values()]
    .filter((each) => model === undefined || each.model === model)
    .map(({ model: name, version }) => ({ name, version, summary: summarize(ticks, { model: name, version }) }))
    .sort((a, b) => b.summary.requests - a.summary.requests);
  if (rows.length === 0) return <p class="muted">No request came.</p>;
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Model</th>
            <th>Version</th>
            <th class="number">Requests</th>
            <th class="number">Goodput</th>
            <th class="number">Failed</th>
            <th class="number">p50</th>
            <th class="number">p99</th>
            <th>Look</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, version, summary }) => (
            <tr key={`${name} ${version}`}>
              <td>{name === '' ? 'none that is served' : <a href={modelLink(name)}>{name}</a>}</td>
              <td>{version === '' ? 'none that is loaded' : version}</td>
              <td class="number">{count(summary.requests)}</td>
              <td class="number">{percent(goodput(summary))}</td>
              <td class="number">{count(summary.failed)}</td>
              <td class="number">{duration(summary.p50Ms)}</td>
              <td class="number">{duration(summary.p99Ms)}</td>
              <td>
                <a href={`#/requests?${new URLSearchParams({ model: name, version })}`}>requests</a>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
