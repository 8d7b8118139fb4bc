/** The page of one model: its versions, traffic and learned run times. */
import { useState } from 'preact/hooks';
import type { LoadedDetail, ModelDetail } from '../../../../admin/model-detail.ts';
import type { VersionReport } from '../../../../admin/models-report.ts';
import { ApiError, ask, getModel } from '../api.ts';
import { about, isCounting, models, ticks } from '../live.ts';
import { lastTicks, type ModelChoice, summarize } from '../live-window.ts';
import { Empty, Failure, Loading, Panel, Select, saveFile } from '../parts.tsx';
import { BatchHeat } from '../plots/batch-heat.tsx';
import { CurvePlot } from '../plots/curve-plot.tsx';
import { EndingsPlot, LatencyPlot, StagesPlot } from '../plots/time-plots.tsx';
import { ModelReports } from '../reports/report-page.tsx';
import { playgroundLink } from '../route.ts';
import { useLoaded } from '../use-loaded.ts';
import { failedLoads } from '../words.ts';
import { Tiles, TrafficWords, whenLost } from './overview-page.tsx';
import { SignaturesTable } from './signatures-table.tsx';
import { VersionsTable } from './versions-table.tsx';

const WINDOW = 30;
/** Seconds between two requests for the learned curve. */
const CURVE_EVERY = 5;
const PROFILE_SECONDS = 5;

export function ModelPage({ name }: { name: string }) {
  const all = ticks.value;
  // Loads again when a state changes, and every few seconds for the learned curve.
  const turn = `${name} ${states(name)} ${Math.floor((all.at(-1)?.at_ms ?? 0) / 1000 / CURVE_EVERY)}`;
  const { value, error, again } = useLoaded((signal) => getModel(name, signal), turn);
  if (value === undefined) {
    return (
      <>
        <h1>{name}</h1>
        {error === undefined ? <Loading rows={6} /> : <Failure error={error} again={again} />}
      </>
    );
  }
  return <Model detail={value} refresh={again} />;
}

function states(name: string): string {
  const model = models.value?.models.find((each) => each.name === name);
  const override = ({ left_out, brought_in }: VersionReport): string => (left_out ? '-' : brought_in ? '+' : '');
  const load = ({ load }: VersionReport): string => (load?.last_failure ? '!' : load ? '~' : '');
  return model?.versions.map((each) => `${each.version}${each.state}${override(each)}${load(each)}`).join() ?? '';
}

function Model({ detail, refresh }: { detail: ModelDetail; refresh: () => void }) {
  const all = ticks.value;
  const choice = { model: detail.name };
  const summary = summarize(lastTicks(all, WINDOW), choice);
  const { config } = detail;
  return (
    <>
      <div class="page-head">
        <p class="crumb">
          <a href="#/">Overview</a> ›
        </p>
        <h1>{detail.name}</h1>
        <p class="sub">
          {config.version_policy} of <code>{config.base_path}</code>
        </p>
        <div class="actions">
          <a class="button" href={playgroundLink(detail.name)}>
            Try it
          </a>
          <a class="button" href={`#/requests?model=${encodeURIComponent(detail.name)}`}>
            Requests
          </a>
          {detail.loaded.length > 1 && (
            <a class="button" href={compareLink(detail.name, detail.loaded)}>
              Compare
            </a>
          )}
          <ProfileButton model={detail.name} />
        </div>
      </div>
      <Tiles summary={summary} />
      <Panel title="Versions" aside={whenLost()}>
        <VersionsTable detail={detail} refresh={refresh} />
      </Panel>
      <div class="columns">
        <Panel title="Requests">
          <EndingsPlot ticks={all} choice={choice} />
        </Panel>
        <Panel title="Time to answer">
          <LatencyPlot ticks={all} choice={choice} />
        </Panel>
      </div>
      <Panel title="In words" aside={isCounting.value && `of the last ${Math.round(summary.seconds)} s`}>
        <TrafficWords summary={summary} sloMs={config.slo_ms ?? about.value?.slo_ms} failures={failedLoads([detail])} />
      </Panel>
      <ModelReports model={detail.name} />
      <Loaded detail={detail} />
    </>
  );
}

/** The highest version beside the one below it. */
function compareLink(model: string, [b, a]: ModelDetail['loaded']): string {
  const sides = { 'a.model': model, 'a.version': a!.version, 'b.model': model, 'b.version': b!.version };
  return `#/compare?${new URLSearchParams(sides)}`;
}

/** The details of one loaded version; the highest until another is chosen. */
function Loaded({ detail }: { detail: ModelDetail }) {
  const [chosen, choose] = useState<string>();
  const loaded = detail.loaded.find(({ version }) => version === chosen) ?? detail.loaded[0];
  if (loaded === undefined) {
    return (
      <Panel title="Inside">
        <Empty title="No version is loaded">
          <p>{detail.error ?? 'Load one above.'}</p>
        </Empty>
      </Panel>
    );
  }
  const loadedVersions = detail.loaded.map(({ version }) => version);
  return (
    <>
      {detail.loaded.length > 1 && (
        <Select isInline label="Version" value={loaded.version} options={loadedVersions} set={choose} />
      )}
      <Inside loaded={loaded} choice={{ model: detail.name, version: loaded.version }} />
    </>
  );
}

function Inside({ loaded, choice }: { loaded: LoadedDetail; choice: ModelChoice }) {
  const all = ticks.value;
  return (
    <>
      <Panel title="Stages of a request" aside="mean of each second">
        <StagesPlot ticks={all} choice={choice} />
      </Panel>
      <div class="columns">
        <Panel title="Sizes of batches">
          <BatchHeat ticks={all} choice={choice} />
        </Panel>
        <Panel title="Learned latency">
          <Curves loaded={loaded} choice={choice} />
        </Panel>
      </div>
      <Panel title="Signatures">
        <SignaturesTable signatures={loaded.signatures} />
      </Panel>
    </>
  );
}

function Curves({ loaded, choice }: { loaded: LoadedDetail; choice: ModelChoice }) {
  const [chosen, choose] = useState<string>();
  const known = loaded.latency.filter(({ sizes }) => sizes.length > 0);
  const curve = known.find(({ signature }) => signature === chosen) ?? known[0];
  if (curve === undefined) {
    return (
      <Empty title="Nothing is learned yet">
        <p>The first batches show how long a run takes.</p>
      </Empty>
    );
  }
  const signatures = known.map(({ signature }) => signature);
  return (
    <>
      {known.length > 1 && (
        <Select isInline label="Signature" value={curve.signature} options={signatures} set={choose} />
      )}
      <CurvePlot ticks={ticks.value} choice={choice} curve={curve} />
    </>
  );
}

/** Takes a profile and downloads it as a file, for ui.perfetto.dev or chrome://tracing. */
function ProfileButton({ model }: { model: string }) {
  const [state, setState] = useState<{ isRunning: boolean; problem?: string }>({ isRunning: false });
  const take = async (): Promise<void> => {
    setState({ isRunning: true });
    try {
      const response = await ask(`/profile?seconds=${PROFILE_SECONDS}&model=${encodeURIComponent(model)}`);
      saveFile(await response.blob(), `${model}-profile.json`);
      setState({ isRunning: false });
    } catch (error) {
      const isUnknown = error instanceof ApiError && error.status === 404;
      setState({ isRunning: false, problem: isUnknown ? 'This server takes no profiles.' : (error as Error).message });
    }
  };
  return (
    <>
      <button type="button" disabled={state.isRunning} onClick={() => void take()} title="A Perfetto trace, as a file">
        {state.isRunning ? `Profiling ${PROFILE_SECONDS} s …` : 'Profile'}
      </button>
      {state.problem !== undefined && <span role="alert">{state.problem}</span>}
    </>
  );
}
