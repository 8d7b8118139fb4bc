/** Sentences about traffic, scheduler and the bound that holds: what a window's numbers mean, and what to do. Pure. */
import { forecastWords } from '../../../admin/forecast-words.ts';
import type { ModelReport, ModelsReport } from '../../../admin/models-report.ts';
import type { RequestEntry } from '../../../admin/request-entry.ts';
import { plain, type Sentence, warn } from '../../../ledger/report.ts';
import { count, duration, percent } from './format.ts';
import { goodput, type WindowSummary } from './live-window.ts';

/** `sloMs` is the latency objective, if known. */
export function explain(summary: WindowSummary, sloMs?: number): readonly Sentence[] {
  if (summary.requests === 0 && summary.batches === 0) {
    return [...stalledRuns(summary), plain('No request in this window. The playground sends one.'), ...bounds(summary)];
  }
  return [
    ...stalledRuns(summary),
    traffic(summary),
    ...endings(summary),
    ...latency(summary, sloMs),
    ...bounds(summary),
    ...batching(summary),
    ...forecastErrors(summary),
  ];
}

/** Models and services that are missing. Each is said once: as a line of a notice, or as a sentence about a failed load. */
export interface Missing {
  readonly lines: readonly string[];
  readonly failures: readonly Sentence[];
}

/**
 * While the server is not ready, its own lines tell why. Once it is, sentences tell the failed loads, and lines the
 * rest.
 */
export function missing({
  ready,
  waits_for: waits,
  models,
}: Pick<ModelsReport, 'ready' | 'waits_for' | 'models'>): Missing {
  const isOf =
    ({ name }: ModelReport) =>
    (line: string): boolean =>
      line.startsWith(`model "${name}":`);
  const failed = models.filter((model) => failedLoad(model) !== undefined);
  return {
    lines: ready ? waits.filter((line) => !failed.some((model) => isOf(model)(line))) : waits,
    failures: failedLoads(ready ? failed : failed.filter((model) => !waits.some(isOf(model)))),
  };
}

/** Says of each model that has failed to load, and answers nothing, what its callers get and why. */
export function failedLoads(models: readonly ModelReport[]): readonly Sentence[] {
  return models.flatMap((model) => failedLoad(model) ?? []);
}

function failedLoad({ name, versions }: ModelReport): Sentence | undefined {
  if (versions.some(({ state }) => state === 'AVAILABLE')) return undefined;
  const told = (state: string, status: number, { message }: { readonly message: string }): Sentence =>
    warn(`${name}: its load failed${state}; without a fallback callers get ${status}. ${message}`);
  const retried = versions.find(({ load }) => load?.last_failure !== undefined)?.load?.last_failure;
  if (retried !== undefined) return told(' and is tried again', 503, retried);
  const failed = versions.find(({ error }) => error !== undefined)?.error;
  return failed && told('', 404, failed);
}

/** Picks the worst of the sentences, at most `most`, warnings first; the last one counts the warnings that are left out. */
export function worst(sentences: readonly Sentence[], most: number): readonly Sentence[] {
  const warnings = sentences.filter(({ tone }) => tone === 'warn');
  const left = warnings.length - most;
  if (left > 0) {
    return [...warnings.slice(0, most - 1), warn(`${left + 1} more warnings are on the pages of the models below.`)];
  }
  return [...warnings, ...sentences.filter(({ tone }) => tone !== 'warn')].slice(0, most);
}

function stalledRuns({ stalled }: WindowSummary): readonly Sentence[] {
  return stalled.map(({ model, version, ms, expected_ms: expected }) => {
    const instead = expected === undefined ? '' : `, where ${duration(expected)} were expected`;
    const text = `A run of ${model} version ${version} has gone on for ${duration(ms)}${instead}: its runtime may be stuck.`;
    return warn(`${text} Requests behind it wait; a restart of the server ends it.`);
  });
}

function traffic(summary: WindowSummary): Sentence {
  const { requests, seconds, cpuCores } = summary;
  const share = goodput(summary);
  const rate = `${count(requests / seconds)} requests per second`;
  const busy = `the process uses ${count(cpuCores)} cores`;
  if (share === undefined) return plain(`${rate}; ${busy}.`);
  const text = `${rate}; ${percent(share)} of the valid ones were answered in time; ${busy}.`;
  return share < 0.99 ? warn(text) : plain(text);
}

const REFUSED = [
  [
    'overload',
    'were refused at once, because they could not meet their deadline or the queue was full. The answer says when to retry.',
  ],
  ['callers', 'were refused for what their caller may take: the page Callers names those who take most.'],
  ['memory', 'were refused because the memory for requests in flight was full.'],
  ['notReady', 'asked for a model that is not ready.'],
  ['draining', 'came while the server was about to end, and were told to ask another.'],
] as const;

function endings({ refusals, late, wrong, failed, seconds }: WindowSummary): readonly Sentence[] {
  const found: Sentence[] = [];
  const perSecond = (times: number): string => `${count(times / seconds)} per second`;
  for (const [group, text] of REFUSED) {
    if (refusals[group] > 0) found.push(warn(`${perSecond(refusals[group])} ${text}`));
  }
  if (late > 0) {
    found.push(warn(`${perSecond(late)} missed their deadline: allow more time, or send fewer requests at once.`));
  }
  if (failed > 0) found.push(warn(`${perSecond(failed)} failed: the request list has each, with its reason.`));
  if (wrong > 0) {
    found.push(
      plain(
        `${perSecond(wrong)} were the callers’ mistakes, such as a wrong shape or an unknown name, or were cancelled.`,
      ),
    );
  }
  return found;
}

function latency({ p50Ms, p99Ms, stagesMs }: WindowSummary, sloMs: number | undefined): readonly Sentence[] {
  if (p50Ms === undefined || p99Ms === undefined) return [];
  const text = `Half of the answers take at most ${duration(p50Ms)}, 99 % at most ${duration(p99Ms)}; ${longestStage(stagesMs)}.`;
  if (sloMs === undefined) return [plain(text)];
  if (p99Ms <= sloMs) return [plain(`${text} The objective of ${duration(sloMs)} is met.`)];
  return [warn(`${text} The slowest miss the objective of ${duration(sloMs)}.`)];
}

const STAGE_WORDS: Readonly<Record<number, string>> = {
  0: 'receiving the request',
  1: 'decoding it',
  2: 'checking and admitting it',
  3: 'waiting in the queue for a slot',
  4: 'copying rows into a batch',
  5: 'running the model',
  6: 'splitting the outputs',
  7: 'writing the answer',
};

function longestStage(stagesMs: readonly number[]): string {
  const total = stagesMs.reduce((sum, ms) => sum + ms, 0);
  const longest = stagesMs.indexOf(Math.max(...stagesMs));
  if (total === 0) return 'no time was measured';
  return `${percent(stagesMs[longest]! / total)} of the time goes into ${STAGE_WORDS[longest] ?? 'a stage'}`;
}

function batching(summary: WindowSummary): readonly Sentence[] {
  const { batches, batchRows, padding, reasons, forecast, asForecast, queuedRows } = summary;
  if (batches === 0) return [];
  const rows = batchRows / batches;
  const found = [
    plain(`A batch holds ${count(rows)} ${rows === 1 ? 'row' : 'rows'} on average. ${whyStarted(reasons)}`),
  ];
  if (padding > 0) {
    found.push(
      plain(`${percent(padding / (padding + batchRows))} of the rows that run are padding to an allowed size.`),
    );
  }
  if (forecast > 0) found.push(forecasts(forecast, asForecast));
  found.push(plain(queuedRows === 0 ? 'No row waits now.' : `${count(queuedRows)} rows wait now.`));
  return found;
}

function whyStarted(reasons: Readonly<Record<string, number>>): string {
  const total = Object.values(reasons).reduce((sum, times) => sum + times, 0);
  const [reason, times] = Object.entries(reasons).sort((a, b) => b[1] - a[1])[0] ?? ['', 0];
  const share = total === 0 ? '' : percent(times / total);
  if (reason === 'full')
    return `${share} started because they were full: the model is busy, and batches have their largest size.`;
  if (reason === 'enough')
    return `${share} started because they were large enough: the model is busy, and rows are no cheaper in larger batches.`;
  if (reason === 'timeout')
    return `${share} started because a longer wait would have missed a deadline, or the batching delay was over.`;
  if (reason === 'isolation')
    return `${share} were parts of failed batches, run again: some requests hold values that the model rejects.`;
  return `${share} started because a slot was free: no request waits while the machine has room.`;
}

/** Why each version does not answer more. */
function bounds({ explained }: WindowSummary): readonly Sentence[] {
  return explained.flatMap(({ model, version, bound }) => {
    if (bound === undefined) return [];
    const text = `The bound${explained.length === 1 ? '' : ` of ${model} version ${version}`} now is ${bound.sentence}.`;
    return [bound.bound === 'nothing' ? plain(text) : warn(text)];
  });
}

/** How far the forecasts of each version were off. */
function forecastErrors({ explained }: WindowSummary): readonly Sentence[] {
  return explained.flatMap(({ model, version, forecast }) => {
    if (forecast === undefined) return [];
    const whose = explained.length === 1 ? '' : ` of ${model} version ${version}`;
    return [plain(`Forecasts${whose}: ${forecastWords(forecast)}.`)];
  });
}

/** Forecasts that are too short admit requests that cannot be answered in time. */
function forecasts(forecast: number, asForecast: number): Sentence {
  const share = asForecast / forecast;
  const text = `${percent(share)} of the runs took at most 1.5 times their forecast`;
  if (share >= 0.5) return plain(`${text}.`);
  return plain(`${text}: something else takes the cores, or the curve is still being learned.`);
}

/** Says why it is in no batch. */
export function whyNoBatch({ cache, steps, stages }: RequestEntry): string {
  if (steps !== undefined) return 'It was in no batch: its steps were.';
  if (cache === 'hit') return 'It was in no batch: it got a kept answer.';
  const hasRun = stages.some(({ name }) => name === 'execute');
  return hasRun ? 'It ran, but its batch is not remembered.' : 'It was in no batch: it was answered or refused before.';
}

/** Why it is remembered. */
export const KEPT_WORDS: Readonly<Record<RequestEntry['kept'], string>> = {
  recent: 'as one of the last',
  slow: 'because it was slow for its model',
  slowest: 'as one of the slowest of its minute',
  failed: 'because it failed',
};
