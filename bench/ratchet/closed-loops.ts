/** A model under closed loops: its two servers are up at once, and whoever is not measured is stopped (SIGSTOP). */
import { type Contestant, pillionPorts } from '../compare/contestants.ts';
import { measure } from '../compare/measure.ts';
import { type BenchModel, loadModel } from '../compare/models.ts';
import type { Protocol } from '../compare/protocols/protocol.ts';
import { BUSY_SHARE, figureOf, type Round } from '../compare/results.ts';
import { type RunningContestant, startContestant, type Target } from '../compare/running-contestant.ts';
import { type Checkout, serveCommand } from '../support/checkout.ts';
import type { MeasureName, Sample } from './figures.ts';
import { inTurn, isHereFirst, type Job, type JobOptions } from './job.ts';
import type { ClosedLoop, ModelPlan } from './plan.ts';

/** A turn that other processes disturbed is taken again so many times. */
const MOST_REPEATS = 2;

/** What a server of a checkout answers for one model. */
export function contestantOf(checkout: Checkout, protocols: readonly Protocol[]): Contestant {
  return {
    ...{ name: checkout.name, label: checkout.name },
    protocols: [...new Set(protocols)],
    command: ({ name, directory }) => serveCommand(checkout, [`--model=${name}=${directory}`]),
    portsOf: pillionPorts,
  };
}

const pinnedProtocolOf = ({ protocol, pinnedProtocol }: ClosedLoop): Protocol => pinnedProtocol ?? protocol;

export function closedLoopJob(plan: ModelPlan, options: JobOptions): Job {
  return {
    works: plan.works.map(({ name }) => name),
    measure: async (start, names) => {
      const works = plan.works.filter(({ name }) => names.includes(name));
      const model = await loadModel(plan.model, options.models);
      const pair = await startPair(works, model, options);
      try {
        const samples: Sample[] = [];
        for (const work of works) samples.push(...(await measureWork(work, plan, model, pair, start, options)));
        return samples;
      } finally {
        await Promise.all([pair.here.stop(), pair.pinned.stop()]);
      }
    },
  };
}

interface RunningPair {
  readonly here: RunningContestant;
  readonly pinned: RunningContestant;
}

/** Both have answered right on each protocol, and are stopped. */
async function startPair(works: readonly ClosedLoop[], model: BenchModel, options: JobOptions): Promise<RunningPair> {
  const start = (checkout: Checkout, protocols: readonly Protocol[]): Promise<RunningContestant> => {
    const surfaces = protocols.map(({ surface }) => surface);
    return startContestant(contestantOf(checkout, protocols), model, surfaces);
  };
  options.signal.throwIfAborted();
  options.progress(`${model.name}: both start`);
  const here = await start(
    options.here,
    works.map(({ protocol }) => protocol),
  );
  try {
    return { here, pinned: await start(options.pinned, works.map(pinnedProtocolOf)) };
  } catch (error) {
    await here.stop();
    throw error;
  }
}

async function measureWork(
  work: ClosedLoop,
  { warmUpSeconds }: ModelPlan,
  model: BenchModel,
  pair: RunningPair,
  start: number,
  options: JobOptions,
): Promise<Sample[]> {
  const targetOf = ({ targets }: RunningContestant, protocol: Protocol): Target =>
    targets.find((target) => target.protocol === protocol)!;
  const here = targetOf(pair.here, work.protocol);
  const pinned = targetOf(pair.pinned, pinnedProtocolOf(work));
  const ask = async (target: Target, seconds: number): Promise<Round> => {
    options.signal.throwIfAborted();
    const load = { connections: work.connections, seconds };
    const where = `${work.name}, ${target.contestant}`;
    const round = await measure(target, model, load, start).catch((error: Error) => {
      throw new Error(`${where}: ${error.message}`, { cause: error });
    });
    if (round.failed > 0) throw new Error(`${where}: ${round.failed} of ${round.requests} requests failed`);
    return round;
  };
  const samples: Sample[] = [];
  options.progress(`${work.name}: start ${start + 1}, warming up`);
  for (const target of [here, pinned]) await ask(target, warmUpSeconds);
  for (let turn = 0; turn < options.turns; turn++) {
    options.progress(`${work.name}: start ${start + 1}, turn ${turn + 1} of ${options.turns}`);
    const both = await undisturbed(work.name, options, () =>
      inTurn(
        isHereFirst(start, turn),
        () => ask(here, options.seconds),
        () => ask(pinned, options.seconds),
      ),
    );
    for (const name of work.measures) {
      samples.push({
        ...{ work: work.name, measure: name, start },
        ...{ here: measuredValue(both.here, name), pinned: measuredValue(both.pinned, name) },
        ...(both.isDisturbed && { isDisturbed: true }),
      });
    }
  }
  return samples;
}

interface Rounds {
  readonly here: Round;
  readonly pinned: Round;
}

async function undisturbed(
  work: string,
  { notice }: JobOptions,
  take: () => Promise<Rounds>,
): Promise<Rounds & { readonly isDisturbed: boolean }> {
  for (let repeats = 0; ; repeats++) {
    const both = await take();
    const busy = Math.max(both.here.foreignShare, both.pinned.foreignShare);
    const isDisturbed = busy > BUSY_SHARE;
    const isLast = !isDisturbed || repeats === MOST_REPEATS;
    if (isDisturbed) {
      notice(`${work}: other processes took ${Math.round(busy * 100)} % of the machine${isLast ? '' : '; once more'}`);
    }
    if (isLast) return { ...both, isDisturbed };
  }
}

function measuredValue(round: Round, measure: MeasureName): number {
  switch (measure) {
    case 'requests':
      return round.requestsPerSecond;
    case 'cpu':
      return figureOf(round, 'cpuPerThousand') * 1000;
    case 'p50':
    case 'p99':
      return figureOf(round, `${measure}Ms`);
    default:
      throw new Error(`a closed loop does not measure ${measure}`);
  }
}
