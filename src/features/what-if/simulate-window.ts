/** Lets a window's requests come again, on a simulated server with other settings. */
import type { ErrorKind, ServingError } from '../../core/errors.ts';
import { SeededRandom } from '../../core/repeatable/seeded-random.ts';
import type { ArrivalsReport } from './arrivals.ts';
import { type Fate, FigureCounts, type WindowFigures } from './figures.ts';
import type { ServedModel, ServerState } from './read-server.ts';
import { type RunTimes, runTimes } from './simulation/run-times.ts';
import { usualSlowDown } from './simulation/scaling.ts';
import { SERVER_COSTS, type SimulatedModel, Simulation } from './simulation/simulation.ts';

export interface Setting {
  readonly cores: number;
  /** Batches at once, over all models. */
  readonly slots: number;
  readonly threads: number;
  readonly maxBatchSize: number;
  /** The objective of all models; undefined = each model's own. */
  readonly sloMs: number | undefined;
  /** How many times as fast requests come. */
  readonly load: number;
}

/** A request's model and signature, by the index in the report. Undefined: how long its runs take is not known. */
export type Target = { readonly model: number; readonly signature: string } | undefined;

const SEED = 1;

/** The figures as measured. The server's settings say what is in time. */
export function measuredFigures(state: ServerState, targets: readonly Target[], coresUsed?: number): WindowFigures {
  const { arrivals, models } = state;
  const counts = new FigureCounts();
  for (let i = 0; i < arrivals.at_ms.length; i++) {
    const target = targets[arrivals.model[i]!];
    if (target === undefined) continue;
    const limitMs = arrivals.deadline_ms[i] ?? models[target.model]!.sloMs ?? Infinity;
    counts.add(arrivals.outcome[i] as Fate, arrivals.took_ms[i]!, limitMs);
  }
  return counts.end(coresUsed);
}

/** `present` is how the server runs now, at which its run times were measured. */
export async function simulateWindow(
  state: ServerState,
  targets: readonly Target[],
  { present, setting }: { readonly present: Setting; readonly setting: Setting },
  onProgress: (share: number) => void,
): Promise<WindowFigures> {
  const { arrivals, models } = state;
  const random = new SeededRandom(SEED);
  const simulation = new Simulation({
    cores: setting.cores,
    slots: setting.slots,
    costs: SERVER_COSTS,
    models: models.map((model, i) => simulatedModel(model, { present, setting }, state, random.fork(i))),
  });
  const counts = new FigureCounts();
  const known = indicesOf(arrivals, targets);
  const { clock } = simulation;
  const zero = clock.nowMs();
  let endedAt = zero;
  const arrive = (k: number): void => {
    const i = known[k]!;
    const { model, signature } = targets[arrivals.model[i]!]!;
    const budgetMs = arrivals.deadline_ms[i] ?? Infinity;
    const limitMs = arrivals.deadline_ms[i] ?? setting.sloMs ?? models[model]!.sloMs ?? Infinity;
    const leavesAfterMs = arrivals.outcome[i] === 'cancelled' ? arrivals.took_ms[i]! : Infinity;
    const cameAt = clock.nowMs();
    const onEnd = (error: ServingError | undefined): void => {
      endedAt = clock.nowMs();
      counts.add(fateOf(error?.kind), endedAt - cameAt, limitMs);
    };
    const request = { model, signatureName: signature, rows: Math.max(1, arrivals.rows[i]!), budgetMs, leavesAfterMs };
    simulation.arrive(request, onEnd);
  };
  await simulation.play(
    { count: known.length, at: (k) => zero + arrivals.at_ms[known[k]!]! / setting.load, arrive },
    (done) => onProgress(done / known.length),
  );
  const { busyMs, loopMs } = simulation.cores;
  return counts.end((busyMs + loopMs) / Math.max(arrivals.span_ms / setting.load, endedAt - zero));
}

function indicesOf({ at_ms, model }: ArrivalsReport, targets: readonly Target[]): number[] {
  const indices: number[] = [];
  for (let i = 0; i < at_ms.length; i++) if (targets[model[i]!] !== undefined) indices.push(i);
  return indices;
}

function fateOf(kind: ErrorKind | undefined): Fate {
  switch (kind) {
    case undefined:
      return 'answered';
    case 'overloaded':
      return 'refused';
    case 'deadline_exceeded':
      return 'late';
    case 'cancelled':
      return 'cancelled';
    default:
      return 'failed';
  }
}

interface Settings {
  readonly present: Setting;
  readonly setting: Setting;
}

function simulatedModel(
  served: ServedModel,
  { present, setting }: Settings,
  { plan }: ServerState,
  random: SeededRandom,
): SimulatedModel {
  const { name, version, curves, place, sessions = present.slots } = served;
  const isAsPresent = setting.maxBatchSize === present.maxBatchSize;
  const allowed = isAsPresent ? allowedSizes(served, setting.maxBatchSize) : [];
  const factor = place === 'threads' ? usualSlowDown(setting.slots) / usualSlowDown(present.slots) : 1;
  // The measured time is that of a run on all its threads.
  const threads = place === 'threads' ? setting.threads : 1;
  const times = new Map<string, RunTimes>();
  for (const [signature, sizes] of curves) {
    const areSteps = allowed.length > 0 || served.axes.get(signature)?.kind === 'fixed';
    times.set(signature, runTimes(sizes, { maxRows: setting.maxBatchSize, areSteps }, random.fork(times.size)));
  }
  const more = place === 'threads' ? setting.slots - present.slots : 0;
  return {
    name: `${name} ${version}`,
    signatures: served.axes,
    options: {
      maxBatchSize: plan.is_batching_enabled ? setting.maxBatchSize : 1,
      batchTimeoutMicros: plan.batch_timeout_micros,
      maxEnqueuedBatches: MOST_WAITING,
      allowedBatchSizes: allowed,
      sloMs: setting.sloMs ?? served.sloMs,
    },
    runs: {
      slots: Math.max(1, sessions + more),
      threads,
      place,
      takesNext: true,
      workMs: (signature, rows) => factor * threads * (times.get(signature)?.draw(rows) ?? 0),
    },
    seeds: [...curves].flatMap(([signature, sizes]) =>
      sizes.map(({ rows, meanMs }) => ({ signature, rows, runMs: factor * meanMs })),
    ),
  };
}

/** The default of `pillion serve`. */
const MOST_WAITING = 100;

/** The sizes are not those of a free curve, so they were configured. */
function allowedSizes({ curves, axes }: ServedModel, maxBatchSize: number): readonly number[] {
  for (const [signature, sizes] of curves) {
    const isFree = sizes.every(({ rows }) => Number.isInteger(Math.log2(rows)) || rows === maxBatchSize);
    const isWhole = sizes.at(-1)!.rows === maxBatchSize;
    if (!isFree && isWhole && axes.get(signature)?.kind === 'dynamic') return sizes.map(({ rows }) => rows);
  }
  return [];
}
