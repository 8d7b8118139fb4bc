/**
 * A workload of more than can be done, open loop: who answers what share in time, this checkout's server by itself or
 * the pinned one's with a fixed queue of two batches, two runs at once and one thread each. The queue, and the server
 * whose capacity the load is a multiple of, are fixed beforehand and of the pinned build: neither moves with what is
 * measured.
 */
import type { Contestant } from '../overload/contestants.ts';
import { AS_IN_A_CONTAINER, type Entrant, startEntrant } from '../overload/entrant.ts';
import { capacitiesOf, measure } from '../overload/measure.ts';
import { findWorkload } from '../overload/options.ts';
import type { Round } from '../overload/results.ts';
import { rowsOfModels } from '../overload/rows.ts';
import type { Workload } from '../overload/workload.ts';
import type { Checkout } from '../support/checkout.ts';
import { type Both, type Sample, sampleOf } from './figures.ts';
import { inTurn, isHereFirst, type Job, type JobOptions } from './job.ts';

const WARM_UP_MS = 1000;
const LEAD_IN_MS = 500;
/** Turns at one start, each with arrivals of its own. */
const TURNS = 2;
const MOST_REPEATS = 2;
const TWO_SLOTS = ['--scheduler=greedy', '--num_batch_threads=2', '--intra_op_threads=1'];

interface Entrants {
  readonly here: Entrant;
  readonly queue: Entrant;
  readonly reference: Entrant;
}

export function overloadJob(name: string, options: JobOptions): Job {
  const workload = findWorkload(name);
  const work = `overload ${name} ÷ a queue of two`;
  return {
    works: [work],
    measure: async (start) => {
      options.signal.throwIfAborted();
      options.progress(`${work}: start ${start + 1}`);
      const entrants = await startEntrants(workload, options);
      try {
        return await measureTurns(work, workload, entrants, start, options);
      } finally {
        await Promise.all(Object.values(entrants).map(({ server }: Entrant) => server.stop()));
      }
    },
  };
}

async function startEntrants(workload: Workload, options: JobOptions): Promise<Entrants> {
  const { here, pinned, models } = options;
  const rows = await rowsOfModels([workload], models);
  const contestant = (name: string, checkout: Checkout, args: readonly string[], isOurs: boolean): Contestant => {
    return { name, label: name, args, checkout, isOurs };
  };
  const contestants = [
    contestant('here', here, AS_IN_A_CONTAINER, true),
    contestant('queue of two', pinned, ['--max_enqueued_batches=2', ...TWO_SLOTS], false),
    contestant('reference', pinned, ['--max_enqueued_batches=100', ...TWO_SLOTS], false),
  ];
  const entrants: Entrant[] = [];
  try {
    for (const each of contestants) {
      options.signal.throwIfAborted();
      entrants.push(await startEntrant(each, workload, { models, rows, help: '', warmUpMs: WARM_UP_MS }));
    }
  } catch (error) {
    await Promise.all(entrants.map(({ server }) => server.stop()));
    throw error;
  }
  const [ours, queue, reference] = entrants as [Entrant, Entrant, Entrant];
  return { here: ours, queue, reference };
}

async function measureTurns(
  work: string,
  workload: Workload,
  { here, queue, reference }: Entrants,
  start: number,
  options: JobOptions,
): Promise<Sample[]> {
  const pairs: Both<Round>[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const seed = 1 + start * TURNS + turn;
    options.progress(`${work}: start ${start + 1}, turn ${turn + 1} of ${TURNS}`);
    const capacities = await awake(reference, () => capacitiesOf(reference, workload, seed));
    const plan = { capacities: capacities.map(Math.round), seconds: workload.seconds, leadInMs: LEAD_IN_MS, seed };
    const play = (entrant: Entrant): Promise<Round> => undisturbed(entrant, workload, turn, plan, options);
    pairs.push(
      await inTurn(
        isHereFirst(start, turn),
        () => play(here),
        () => play(queue),
      ),
    );
  }
  const isDisturbed = pairs.some(({ here: ours, pinned }) => (ours.disturbed ?? pinned.disturbed) !== undefined);
  const common = { work, measure: 'attainment', start, ...(isDisturbed && { isDisturbed }) } as const;
  const attainments = pairs.map((pair) => ({ here: pair.here.attainment, pinned: pair.pinned.attainment }));
  return [sampleOf(common, attainments)];
}

/** The same requests once more where other processes or the load generator disturbed the turn. */
async function undisturbed(
  entrant: Entrant,
  workload: Workload,
  round: number,
  plan: Parameters<typeof measure>[2]['plan'],
  { notice, signal }: JobOptions,
): Promise<Round> {
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    const turn = { plan, round, attempt, keepsDisturbed: attempt === MOST_REPEATS };
    const measured = await awake(entrant, () => measure(entrant, workload, turn));
    if (measured.disturbed !== undefined) notice(`${workload.name}, ${measured.contestant}: ${measured.disturbed}`);
    if (measured.invalid === undefined) return measured;
    if (attempt === MOST_REPEATS) throw new Error(`${workload.name}, ${measured.contestant}: ${measured.invalid}`);
  }
}

async function awake<T>({ server }: Entrant, use: () => Promise<T>): Promise<T> {
  server.resume();
  try {
    return await use();
  } finally {
    server.pause();
  }
}
