/** A model under closed loops: its two servers are up at once, and whoever is not measured is stopped (SIGSTOP). */
import { setTimeout as delay } from 'node:timers/promises';
import { type Contestant, pillionPorts } from '../compare/contestants.ts';
import { measure } from '../compare/measure.ts';
import { type BenchModel, loadModel } from '../compare/models.ts';
import type { Protocol } from '../compare/protocols/protocol.ts';
import { BUSY_SHARE } from '../compare/results.ts';
import { type RunningContestant, startContestant, type Target } from '../compare/running-contestant.ts';
import { type Checkout, serveCommand } from '../support/checkout.ts';
import { type PausableLoad, startPausableLoad } from '../support/load-generators.ts';
import { type Both, type Sample, sampleOf } from './figures.ts';
import type { Job, JobOptions } from './job.ts';
import type { ClosedLoop, ModelPlan } from './plan.ts';
import { figuresOf, type Loaded } from './slice-figures.ts';
import { type Side, type Slice, takeSlices } from './slices.ts';

/**
 * The least share of calm pairs of slices. With fewer it is measured again; if that does not help, all are taken, and
 * the samples marked.
 */
const LEAST_CALM = 0.25;
const MOST_REPEATS = 1;
/** Both loads at once: connections are made, and each has asked. */
const BEGIN_MS = 200;
/** The time before the loads end by themselves, so that they end while both servers run. */
const END_MS = 600;

/** A server of a checkout that answers for one model. */
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

/** Both have answered right on each protocol, and are stopped. */
async function startPair(
  works: readonly ClosedLoop[],
  model: BenchModel,
  options: JobOptions,
): Promise<Both<RunningContestant>> {
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
  plan: ModelPlan,
  model: BenchModel,
  pair: Both<RunningContestant>,
  start: number,
  options: JobOptions,
): Promise<Sample[]> {
  const targetOf = ({ targets }: RunningContestant, protocol: Protocol): Target =>
    targets.find((target) => target.protocol === protocol)!;
  const here = targetOf(pair.here, work.protocol);
  const pinned = targetOf(pair.pinned, pinnedProtocolOf(work));
  options.progress(`${work.name}: start ${start + 1}`);
  for (const target of [here, pinned]) {
    options.signal.throwIfAborted();
    await measure(target, model, { connections: work.connections, seconds: plan.warmUpSeconds }, start);
  }
  const loads: Loaded[] = [];
  let [all, calm] = [0, 0];
  do {
    const load = await underLoad(work, plan, model, { here, pinned }, start, options);
    all += load.pairs.length;
    calm += load.pairs.filter(isCalm).length;
    loads.push(load);
  } while (calm < LEAST_CALM * all && loads.length <= MOST_REPEATS);
  const isDisturbed = calm < LEAST_CALM * all;
  if (isDisturbed) options.notice(`${work.name}: the machine was calm in ${calm} of ${all} pairs of slices`);
  const chosen = loads.map((load) => ({ ...load, pairs: isDisturbed ? load.pairs : load.pairs.filter(isCalm) }));
  const common = { work: work.name, start, ...(isDisturbed && { isDisturbed }) };
  return work.measures.map((name) => {
    const pairs = chosen.flatMap((load) => figuresOf(load, name));
    return sampleOf({ ...common, measure: name }, pairs);
  });
}

/** No hypervisor took much of the machine from either. */
function isCalm({ here, pinned }: Both<Slice>): boolean {
  return Math.max(here.stolenShare, pinned.stolenShare) <= BUSY_SHARE;
}

/** Both loads begin, and one at a time runs until the last half second, in which both run to their ends. */
async function underLoad(
  { connections }: ClosedLoop,
  { drainMs, sliceMs }: ModelPlan,
  model: BenchModel,
  targets: Both<Target>,
  start: number,
  { seconds, signal }: JobOptions,
): Promise<Loaded> {
  const endMs = performance.now() + seconds * 1000 - END_MS;
  const begin = (target: Target): Side => {
    target.server.resume();
    return { server: target.server, load: loadOf(target, model, connections, seconds) };
  };
  const sides = { here: begin(targets.here), pinned: begin(targets.pinned) };
  const each = Object.values(sides);
  try {
    await delay(BEGIN_MS);
    for (const { server, load } of each) {
      load.pause();
      await delay(drainMs);
      server.pause();
    }
    const pairs = await takeSlices(sides, start % 2 === 0, { sliceMs, drainMs, endMs, signal });
    for (const { server, load } of each) {
      server.resume();
      load.resume();
    }
    const [here, pinned] = await Promise.all([sides.here.load.requests, sides.pinned.load.requests]);
    return { pairs, requests: { here, pinned } };
  } finally {
    for (const { server, load } of each) {
      load.kill();
      server.pause();
    }
    await Promise.allSettled(each.map(({ load }) => load.requests));
  }
}

function loadOf(target: Target, model: BenchModel, connections: number, seconds: number): PausableLoad {
  const { protocol, origin, answerBytes } = target;
  const url = origin + protocol.path(model);
  const order = { url, connections, seconds, body: protocol.request(model), headers: protocol.headers(model) };
  return startPausableLoad(order, protocol.surface === 'gRPC' ? answerBytes : undefined);
}
