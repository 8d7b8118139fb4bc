/**
 * A workload: which models, who asks for what, how much and when. One JSON file is run by the benchmark on the real
 * server and by the simulator on the real scheduler; workloads/README.md documents the format.
 *
 * Loads are multiples of what the server can do, not requests a second: the same file means the same on every machine.
 */
import { readFileSync } from 'node:fs';
import type { Arrivals, ProfilePart } from './arrivals.ts';
import { Reader } from './workload-reader.ts';

/**
 * The time of a run of `rows` rows on a core: baseMs + rows × perRowMs, with chance. For the simulator, and to weigh.
 */
export interface LatencyCurve {
  readonly baseMs: number;
  readonly perRowMs: number;
  /** Deviation of the logarithm. */
  readonly noise: number;
  /** So many runs take `stallFactor` times as long. */
  readonly stallShare: number;
  readonly stallFactor: number;
  /** A run on two threads is so many times as fast. */
  readonly twoThreads: number;
  /** A run takes so many times as long while another runs beside it, on a core of its own. */
  readonly twoAtOnce: number;
}

export interface WorkloadModel {
  readonly name: string;
  /** One of bench/models/export.py's. */
  readonly file: string;
  readonly latency: LatencyCurve;
}

/** Requests of one kind. */
export interface Stream {
  readonly name: string;
  /** Indices of the workload's models among which a request chooses … */
  readonly models: readonly number[];
  /** … by weights that fall with this power of the rank; 0 = all alike. */
  readonly zipf: number;
  /** Mean rate as a multiple of what the server can do with this stream's mix of models alone. */
  readonly load: number;
  readonly objectiveMs: number;
  readonly arrivals: Arrivals;
  readonly profile: readonly ProfilePart[];
  /** So many of the requests are taken back by their client, at a moment within their objective. */
  readonly cancelShare: number;
  /** The caller's name: the value of the workload's `callerHeader`. */
  readonly caller: string | undefined;
  /** False: load beside which the others are judged. It is in no figure but its own attainment and its models'. */
  readonly isJudged: boolean;
}

/** Processes that use a core each, during a part of the run. */
export interface Neighbour {
  readonly fromShare: number;
  readonly toShare: number;
  readonly processesPerCore: number;
}

export interface Workload {
  readonly name: string;
  readonly text: string;
  readonly models: readonly WorkloadModel[];
  readonly maxBatchSize: number;
  readonly seconds: number;
  readonly streams: readonly Stream[];
  readonly neighbour: Neighbour | undefined;
  /** The header that tells callers apart; Pillion is told its name, its baselines know no callers. */
  readonly callerHeader: string | undefined;
  /** Arguments of `pillion serve` beside the contestant's own. */
  readonly serveArgs: readonly string[];
}

export function readWorkload(file: string): Workload {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
  return parseWorkload(value, file);
}

/** Throws with the place in `source`, what is there and what is wanted. */
export function parseWorkload(value: unknown, source = 'workload'): Workload {
  const reader = new Reader(value, source);
  const groups = reader.list('models').map(readModels);
  const models = groups.flatMap((group) => group.models);
  const repeated = models.find(({ name }, i) => models.findIndex((other) => other.name === name) !== i);
  if (repeated !== undefined) throw new Error(`${source}: two models are named "${repeated.name}"; names are unique`);
  const indicesOf = (name: string, at: string): number[] => {
    const group = groups.find((candidate) => candidate.name === name);
    const chosen = group?.models ?? models.filter((model) => model.name === name);
    if (chosen.length === 0) {
      const known = [...new Set([...groups.map((g) => g.name), ...models.map((m) => m.name)])].join(', ');
      throw new Error(`${source}.${at}: no model is named "${name}"; there is ${known}`);
    }
    return chosen.map((model) => models.indexOf(model));
  };
  const neighbour = reader.optional('neighbour');
  const workload = {
    name: reader.text('name'),
    text: reader.text('text', ''),
    models,
    maxBatchSize: reader.integer('maxBatchSize', { min: 1, fallback: 32 }),
    seconds: reader.number('seconds', { min: 0.1, max: 3600, fallback: 3 }),
    streams: reader.list('streams').map((stream) => readStream(stream, indicesOf)),
    neighbour: neighbour === undefined ? undefined : readNeighbour(neighbour),
    callerHeader: reader.optionalText('callerHeader'),
    serveArgs: reader.texts('serveArgs'),
  };
  reader.finish();
  checkStreams(workload, source);
  return workload;
}

function checkStreams({ streams, callerHeader }: Workload, source: string): void {
  if (streams.every(({ isJudged }) => !isJudged))
    throw new Error(`${source}: no stream is judged; judged is false at most for some of them`);
  if (callerHeader === undefined && streams.some(({ caller }) => caller !== undefined))
    throw new Error(`${source}: a stream has a caller, but there is no callerHeader to send it in`);
}

/**
 * More is asked than can be done during the whole run: nobody takes requests back, and no part is quieter than that.
 */
export function standsAboveCapacity({ streams }: Workload): boolean {
  const isSteady = streams.every(
    ({ arrivals, cancelShare }) => (arrivals.kind === 'poisson' || arrivals.kind === 'gamma') && cancelShare === 0,
  );
  const least = streams.map(({ load, profile }) => load * Math.min(...profile.map(({ factor }) => factor)));
  return isSteady && least.reduce((sum, load) => sum + load, 0) > 1;
}

interface ModelGroup {
  readonly name: string;
  readonly models: readonly WorkloadModel[];
}

/** `copies` > 1: the same file under the names name-0, name-1, … */
function readModels(reader: Reader): ModelGroup {
  const name = reader.text('name');
  const file = reader.text('file');
  const copies = reader.integer('copies', { min: 1, max: 1000, fallback: 1 });
  const curve = reader.child('latency');
  const latency = {
    baseMs: curve.number('baseMs', { min: 0 }),
    perRowMs: curve.number('perRowMs', { min: 1e-6 }),
    noise: curve.number('noise', { min: 0, max: 2, fallback: 0 }),
    stallShare: curve.number('stallShare', { min: 0, max: 1, fallback: 0 }),
    stallFactor: curve.number('stallFactor', { min: 1, max: 1000, fallback: 3 }),
    twoThreads: curve.number('twoThreads', { min: 1, max: 2, fallback: 1.83 }),
    twoAtOnce: curve.number('twoAtOnce', { min: 1, max: 2, fallback: 1.09 }),
  };
  curve.finish();
  reader.finish();
  const names = copies === 1 ? [name] : Array.from({ length: copies }, (_, i) => `${name}-${i}`);
  return { name, models: names.map((each) => ({ name: each, file, latency })) };
}

function readStream(reader: Reader, indicesOf: (name: string, at: string) => number[]): Stream {
  const model = reader.text('model');
  const profile = reader.optionalList('profile')?.map((part) => {
    const read = {
      share: part.number('share', { min: 0, max: 1 }),
      factor: part.number('factor', { min: 0.01, max: 1000 }),
    };
    part.finish();
    return read;
  });
  const shares = profile?.reduce((sum, { share }) => sum + share, 0) ?? 1;
  if (Math.abs(shares - 1) > 0.001)
    throw reader.wrong('profile', `shares that add up to ${shares}`, 'shares that add up to 1');
  const stream = {
    name: reader.text('name', model),
    models: indicesOf(model, `${reader.place}.model`),
    zipf: reader.number('zipf', { min: 0, max: 10, fallback: 0 }),
    load: reader.number('load', { min: 0.001, max: 100 }),
    objectiveMs: reader.number('objectiveMs', { min: 1, max: 9000 }),
    arrivals: readArrivals(reader.child('arrivals')),
    profile: profile ?? [{ share: 1, factor: 1 }],
    cancelShare: reader.number('cancelShare', { min: 0, max: 1, fallback: 0 }),
    caller: reader.optionalText('caller'),
    isJudged: reader.flag('judged', true),
  };
  reader.finish();
  return stream;
}

function readArrivals(reader: Reader): Arrivals {
  const kind = reader.text('kind');
  const arrivals = ((): Arrivals => {
    switch (kind) {
      case 'poisson':
        return { kind };
      case 'azure-like':
        return { kind };
      case 'gamma':
        return { kind, cv: reader.number('cv', { min: 0.1, max: 20 }) };
      case 'bursts': {
        const read = {
          kind,
          factor: reader.number('factor', { min: 1, max: 100 }),
          onMs: reader.number('onMs', { min: 1, max: 60_000 }),
          offMs: reader.number('offMs', { min: 1, max: 60_000 }),
        } as const;
        const most = (read.onMs + read.offMs) / read.onMs;
        if (read.factor > most * 1.000001)
          throw reader.wrong('factor', read.factor, `at most (onMs + offMs) / onMs = ${most}, or the mean is passed`);
        return read;
      }
      default:
        throw reader.wrong('kind', kind, 'poisson, gamma, bursts or azure-like (a trace is given by --trace=FILE)');
    }
  })();
  reader.finish();
  return arrivals;
}

function readNeighbour(reader: Reader): Neighbour {
  const neighbour = {
    fromShare: reader.number('fromShare', { min: 0, max: 1 }),
    toShare: reader.number('toShare', { min: 0, max: 1 }),
    processesPerCore: reader.number('processesPerCore', { min: 0.01, max: 16, fallback: 1 }),
  };
  if (neighbour.toShare <= neighbour.fromShare) throw reader.wrong('toShare', neighbour.toShare, 'more than fromShare');
  reader.finish();
  return neighbour;
}
