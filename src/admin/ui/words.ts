/** Traffic and scheduler in words: what the numbers of a window mean, and what to do about it. Pure. */
import { count, duration, percent } from './format.ts';
import { goodput, type WindowSummary } from './live-window.ts';

/** `tone` warn: somebody should look. */
export interface Sentence {
  readonly text: string;
  readonly tone: 'plain' | 'warn';
}

const plain = (text: string): Sentence => ({ text, tone: 'plain' });
const warn = (text: string): Sentence => ({ text, tone: 'warn' });

/** Of all models, or of one whose objective may be known. */
export function explain(summary: WindowSummary, sloMs?: number): readonly Sentence[] {
  if (summary.requests === 0 && summary.batches === 0) {
    return [plain('No request has come in this window. The playground sends one.')];
  }
  return [traffic(summary), ...endings(summary), ...latency(summary, sloMs), ...batching(summary)];
}

function traffic(summary: WindowSummary): Sentence {
  const { requests, seconds, cpuCores } = summary;
  const share = goodput(summary);
  const came = `${count(requests / seconds)} requests a second came`;
  const busy = `the process keeps ${count(cpuCores)} cores busy`;
  if (share === undefined) return plain(`${came}; ${busy}.`);
  const text = `${came}, and ${percent(share)} of those that could be answered were, in time; ${busy}.`;
  return share < 0.99 ? warn(text) : plain(text);
}

function endings({ refused, late, wrong, failed, seconds }: WindowSummary): readonly Sentence[] {
  const found: Sentence[] = [];
  const perSecond = (times: number): string => `${count(times / seconds)} a second`;
  if (refused > 0) {
    found.push(
      warn(
        `${perSecond(refused)} were refused at once, because they could not have been answered before their deadline or the queue was full: more is asked than this machine can run. Callers are told when to come back.`,
      ),
    );
  }
  if (late > 0) {
    found.push(warn(`${perSecond(late)} met their deadline first: allow more time, or send less at once.`));
  }
  if (failed > 0) found.push(warn(`${perSecond(failed)} failed here: the request list has each, with why.`));
  if (wrong > 0) {
    found.push(
      plain(
        `${perSecond(wrong)} were the callers’ mistakes, such as another shape or an unknown name, or were given up by them.`,
      ),
    );
  }
  return found;
}

function latency({ p50Ms, p99Ms, stagesMs }: WindowSummary, sloMs: number | undefined): readonly Sentence[] {
  if (p50Ms === undefined || p99Ms === undefined) return [];
  const text = `Half of the answers take ${duration(p50Ms)} at most, 99 in 100 take ${duration(p99Ms)}; ${longestStage(stagesMs)}.`;
  if (sloMs === undefined) return [plain(text)];
  if (p99Ms <= sloMs) return [plain(`${text} The objective of ${duration(sloMs)} is kept.`)];
  return [warn(`${text} The objective of ${duration(sloMs)} is missed by the slowest.`)];
}

const STAGE_WORDS: Readonly<Record<number, string>> = {
  0: 'receiving the request',
  1: 'decoding it',
  2: 'checking and admitting it',
  3: 'waiting in the queue for a slot',
  4: 'copying rows into a batch',
  5: 'running the model',
  6: 'cutting the answer apart',
  7: 'writing the answer',
};

function longestStage(stagesMs: readonly number[]): string {
  const total = stagesMs.reduce((sum, ms) => sum + ms, 0);
  const longest = stagesMs.indexOf(Math.max(...stagesMs));
  if (total === 0) return 'no time was measured';
  return `most of it, ${percent(stagesMs[longest]! / total)}, goes into ${STAGE_WORDS[longest] ?? 'a stage'}`;
}

function batching(summary: WindowSummary): readonly Sentence[] {
  const { batches, batchRows, padding, reasons, forecast, asForecast, queuedRows } = summary;
  if (batches === 0) return [];
  const rows = batchRows / batches;
  const found = [
    plain(`A batch holds ${count(rows)} ${rows === 1 ? 'row' : 'rows'} on average. ${whyStarted(reasons)}`),
  ];
  if (padding > 0) {
    found.push(plain(`${percent(padding / (padding + batchRows))} of what runs is padding to an allowed size.`));
  }
  if (forecast > 0) found.push(forecasts(forecast, asForecast));
  found.push(plain(queuedRows === 0 ? 'Nothing waits now.' : `${count(queuedRows)} rows wait now.`));
  return found;
}

function whyStarted(reasons: Readonly<Record<string, number>>): string {
  const total = Object.values(reasons).reduce((sum, times) => sum + times, 0);
  const [reason, times] = Object.entries(reasons).sort((a, b) => b[1] - a[1])[0] ?? ['', 0];
  const share = total === 0 ? '' : percent(times / total);
  if (reason === 'full')
    return `${share} started because they were full: the model is busy, and batches are as large as they may be.`;
  if (reason === 'timeout')
    return `${share} started because waiting longer would have cost somebody their deadline or the batching delay was over.`;
  if (reason === 'isolation')
    return `${share} were parts of batches that failed, run again: requests hold values that the model cannot take.`;
  return `${share} started because a slot was free: nothing is held back while the machine has room.`;
}

/** A forecast that is too short takes in what cannot be answered in time. */
function forecasts(forecast: number, asForecast: number): Sentence {
  const share = asForecast / forecast;
  const text = `${percent(share)} of the runs took no more than half as long again as forecast`;
  if (share >= 0.5) return plain(`${text}.`);
  return plain(`${text}: something else takes the cores, or the curve is still being learned.`);
}
