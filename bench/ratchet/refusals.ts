/**
 * Wrong requests beside right ones: the CPU time of a refusal ÷ that of a right request of the same surface, as the mean
 * over the kinds of bench/refusals that every server knows. Whoever is not measured is stopped (SIGSTOP).
 */
import { type BenchModel, loadModel } from '../compare/models.ts';
import { type AnyRequest, RIGHT, type SurfaceName } from '../refusals/kinds.ts';
import { requestsOf } from '../refusals/requests.ts';
import { takeSlice } from '../refusals/slices.ts';
import { type Checkout, serveCommand } from '../support/checkout.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { type Both, type Sample, sampleOf } from './figures.ts';
import { inTurn, isHereFirst, type Job, type JobOptions } from './job.ts';
import { REFUSAL_MODEL, REFUSALS } from './plan.ts';

const TURNS = 3;
const REQUESTS = 1000;

export function refusalJob(options: JobOptions): Job {
  return {
    works: REFUSALS.map(({ name }) => name),
    measure: async (start, names) => {
      const model = await loadModel(REFUSAL_MODEL, options.models);
      const servers = await startBoth(model, options);
      try {
        const samples: Sample[] = [];
        for (const { name, surface } of REFUSALS) {
          if (names.includes(name)) samples.push(await measureSurface(name, surface, model, servers, start, options));
        }
        return samples;
      } finally {
        await Promise.all([servers.here.stop(), servers.pinned.stop()]);
      }
    },
  };
}

async function startBoth(model: BenchModel, options: JobOptions): Promise<Both<ServerProcess>> {
  options.signal.throwIfAborted();
  const start = async (checkout: Checkout): Promise<ServerProcess> => {
    const server = await startServer(serveCommand(checkout, [`--model=${model.name}=${model.directory}`]));
    server.pause();
    return server;
  };
  const here = await start(options.here);
  try {
    return { here, pinned: await start(options.pinned) };
  } catch (error) {
    await here.stop();
    throw error;
  }
}

async function measureSurface(
  work: string,
  surface: SurfaceName,
  model: BenchModel,
  { here, pinned }: Both<ServerProcess>,
  start: number,
  { progress, signal }: JobOptions,
): Promise<Sample> {
  const requests = requestsOf(surface, model).filter(({ server }) => server === 'usual');
  const pairs: Both<number>[] = [];
  // The first turn warms up.
  for (let turn = 0; turn <= TURNS; turn++) {
    signal.throwIfAborted();
    progress(`${work}: start ${start + 1}, turn ${turn} of ${TURNS}`);
    const ofBoth = await inTurn(
      isHereFirst(start, turn),
      () => meanRatio(requests, here),
      () => meanRatio(requests, pinned),
    );
    if (turn > 0) pairs.push(ofBoth);
  }
  return sampleOf({ work, measure: 'refusal', start }, pairs);
}

/** The right request is asked before and after the others, so that the machine's moods cancel. */
async function meanRatio(requests: readonly AnyRequest[], server: ServerProcess): Promise<number> {
  const right = requests.find(({ kind }) => kind === RIGHT)!;
  const others = requests.filter((request) => request !== right);
  const costOf = async (request: AnyRequest): Promise<number> => (await takeSlice(request, server, REQUESTS)).cpuMicros;
  server.resume();
  try {
    const before = await costOf(right);
    let sum = 0;
    for (const request of others) sum += await costOf(request);
    return sum / others.length / ((before + (await costOf(right))) / 2);
  } finally {
    server.pause();
  }
}
