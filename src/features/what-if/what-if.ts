/**
 * `pillion what-if`: asks a running sidecar for its recent requests, run times and plan, and lets the requests come
 * again to the real scheduler on a simulated machine: as it is, and with what the options change.
 *
 *   41230 requests in 60.0 s
 *
 *               measured  simulated as it is  simulated with 4 cores
 *   in time     0.712     0.731               0.994
 *   …
 *
 * Exit status: 0 = it is printed; 1 = there is no sidecar, or it cannot tell what is needed.
 */
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import type { ProcessPlan } from '../../admin/models-report.ts';
import { askAdmin, noSidecar } from '../../cli/ask-admin.ts';
import { parseMetrics } from '../../cli/prometheus-text.ts';
import type { AdminAddress } from '../../cli/sidecar-command.ts';
import { systemClock } from '../../core/clock.ts';
import { readServer, type ServedModel, type ServerState } from './read-server.ts';
import { asJson, asText, doubtOf, sentenceOf, type WhatIfReport } from './report.ts';
import { measuredFigures, type Setting, simulateWindow, type Target } from './simulate-window.ts';

/** Progress is shown after this time, in ms, and as often. */
const PROGRESS_MS = 2000;
/** The server's CPU is measured for so long at least, in ms. */
const CPU_MS = 1000;
/** A request came within so many ms. */
const ONGOING_MS = 1000;

/** The options of command.ts. Settings that are undefined or 0 stay as they are. */
interface WhatIfOptions extends AdminAddress {
  readonly cores: number | undefined;
  /** Requests come so many times as fast. */
  readonly load: number | undefined;
  readonly slo: number;
  readonly max_batch_size: number;
  /** The requests of the last so many seconds. */
  readonly seconds: number;
  readonly json: boolean;
}

/** Resolves with the exit status once everything is printed. */
export async function whatIf(options: WhatIfOptions): Promise<number> {
  let asked: { readonly state: ServerState; readonly cpu: CpuMeter };
  try {
    const cpu = new CpuMeter(options);
    await cpu.start();
    asked = { state: await readServer(options, options.seconds), cpu };
  } catch (error) {
    return fail(noSidecar(options.admin, error as Error));
  }
  const { state, cpu } = asked;
  const targets = targetsOf(state);
  const problem = whyNot(state, targets, options.seconds);
  if (problem !== undefined) return fail(`${options.admin}: ${problem}`);
  const report = await simulateBoth(state, targets, options, cpu);
  process.stdout.write(options.json ? asJson(report) : asText(report));
  return 0;
}

function fail(text: string): number {
  process.stderr.write(`pillion: ${text}\n`);
  return 1;
}

async function simulateBoth(
  state: ServerState,
  targets: readonly Target[],
  options: WhatIfOptions,
  cpu: CpuMeter,
): Promise<WhatIfReport> {
  const present = presentSetting(state.plan);
  const setting = changedSetting(present, options);
  const progress = new Progress();
  const as_it_is = await simulateWindow(state, targets, { present, setting: present }, (done) => progress.at(done / 2));
  const changed = await simulateWindow(state, targets, { present, setting }, (done) => progress.at((1 + done) / 2));
  const measured = measuredFigures(state, targets, isOngoing(state) ? await cpu.end() : undefined);
  const change = changeText(present, setting);
  const doubt = doubtOf(measured, as_it_is);
  return {
    span_ms: state.arrivals.span_ms,
    dropped: state.arrivals.dropped,
    change,
    measured,
    as_it_is,
    changed,
    sentence: sentenceOf(change, as_it_is, changed),
    notes: [...(doubt === undefined ? [] : [doubt]), ...notesOf(state, targets, cpu)],
  };
}

/** The traffic has not ended: what the server takes now is what it took in that time. */
function isOngoing({ arrivals: { span_ms, at_ms } }: ServerState): boolean {
  return span_ms - at_ms.at(-1)! < ONGOING_MS;
}

function notesOf({ arrivals }: ServerState, targets: readonly Target[], cpu: CpuMeter): string[] {
  const notes: string[] = [];
  if (arrivals.dropped > 0) notes.push(`The server has forgotten ${arrivals.dropped} older requests of that time.`);
  for (const [i, { model, version, signature }] of arrivals.models.entries()) {
    const left = targets[i] === undefined ? arrivals.model.filter((index) => index === i).length : 0;
    if (left === 0) continue;
    notes.push(`${left} of ${model} version ${version}, ${signature}, are left out: its run times are not known.`);
  }
  if (cpu.seconds > 0) notes.push(`Cores used were measured just now, for ${cpu.seconds.toFixed(1)} s.`);
  return notes;
}

/** The targets of the report's models, in its order. */
function targetsOf({ arrivals, models }: ServerState): Target[] {
  return arrivals.models.map(({ model, version, signature }) => {
    const index = models.findIndex((one) => one.name === model && one.version === version);
    const known = index === -1 ? undefined : signatureIn(models[index]!, signature);
    return known === undefined ? undefined : { model: index, signature: known };
  });
}

/** The graph's signature: it may be asked for by another name. */
function signatureIn({ curves, axes }: ServedModel, asked: string): string | undefined {
  const known = [...curves.keys()].filter((name) => axes.has(name));
  if (known.includes(asked)) return asked;
  return known.length === 1 ? known[0] : undefined;
}

function whyNot({ arrivals }: ServerState, targets: readonly Target[], seconds: number): string | undefined {
  if (arrivals.at_ms.length === 0) return `no request came in the last ${seconds} s: send some, and ask again`;
  if (!arrivals.model.some((index) => targets[index] !== undefined))
    return 'how long its models run is not known: are they loaded, is batching on, and, where inputs may have any size, the console?';
  if (arrivals.outcome.every((fate, i) => fate === 'cancelled' || targets[arrivals.model[i]!] === undefined))
    return 'every request was given up by its client: there is nothing to compare';
  return undefined;
}

function presentSetting({ budget_cores, slots, intra_op_threads, max_batch_size }: ProcessPlan): Setting {
  const threads = Math.max(1, intra_op_threads);
  return { cores: budget_cores, slots, threads, maxBatchSize: max_batch_size, sloMs: undefined, load: 1 };
}

/** The event loop keeps as many cores as now; the others run batches. */
function changedSetting(present: Setting, { cores, slo, max_batch_size, load }: WhatIfOptions): Setting {
  const kept = Math.max(0, present.cores - present.slots * present.threads);
  const slots = cores === undefined ? present.slots : Math.max(1, Math.floor((cores - kept) / present.threads));
  return {
    ...present,
    cores: cores ?? present.cores,
    slots,
    maxBatchSize: max_batch_size || present.maxBatchSize,
    sloMs: slo || undefined,
    load: load ?? 1,
  };
}

function changeText(present: Setting, { cores, sloMs, maxBatchSize, load }: Setting): string {
  const parts: string[] = [];
  if (cores !== present.cores) parts.push(`${cores} ${cores === 1 ? 'core' : 'cores'}`);
  if (load !== 1) parts.push(`${load} times the load`);
  if (sloMs !== undefined) parts.push(`an objective of ${sloMs} ms`);
  if (maxBatchSize !== present.maxBatchSize) parts.push(`batches of at most ${maxBatchSize}`);
  if (parts.length === 0) return 'the same settings';
  return new Intl.ListFormat('en').format(parts);
}

class Progress {
  #shownAt = systemClock.nowMs();

  at(share: number): void {
    const now = systemClock.nowMs();
    if (now - this.#shownAt < PROGRESS_MS) return;
    this.#shownAt = now;
    process.stderr.write(`pillion: ${Math.round(share * 100)} % is simulated\n`);
  }
}

/** The CPU of the server's process between two looks at its metrics. */
class CpuMeter {
  readonly #from: AdminAddress;
  #before = 0;
  #startedAt = 0;
  /** How long it was measured; 0 = it could not be. */
  seconds = 0;

  constructor(from: AdminAddress) {
    this.#from = from;
  }

  async start(): Promise<void> {
    this.#before = await this.#look();
    this.#startedAt = systemClock.nowMs();
  }

  /** Cores; undefined if the server does not tell, or has been started anew or is gone meanwhile. */
  async end(): Promise<number | undefined> {
    await pause(Math.max(0, CPU_MS - (systemClock.nowMs() - this.#startedAt)));
    try {
      const cpuSeconds = (await this.#look()) - this.#before;
      if (!(cpuSeconds >= 0)) return undefined;
      this.seconds = (systemClock.nowMs() - this.#startedAt) / 1000;
      return cpuSeconds / this.seconds;
    } catch {
      return undefined;
    }
  }

  async #look(): Promise<number> {
    const samples = parseMetrics((await askAdmin({ from: this.#from, path: '/metrics' })).toString());
    return samples.get('process_cpu_seconds_total')?.[0]?.value ?? Number.NaN;
  }
}
