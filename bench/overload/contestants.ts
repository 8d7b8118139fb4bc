/**
 * The contestants: one server under different flags, and Triton. This list is all that has to change for another.
 *
 * Flags are given only where `serve --help` knows them. A contestant that needs one which is not there is left out, and
 * so is one that does not start; the others are measured all the same.
 */
import type { Checkout } from '../support/checkout.ts';

export interface Contestant {
  readonly name: string;
  readonly label: string;
  readonly args: readonly string[];
  /** Given where the server knows them: what is the default without the flag stays what it is. */
  readonly argsIfKnown?: readonly string[];
  /** Flags without which it would be another contestant. */
  readonly needs?: readonly string[];
  readonly isOurs?: boolean;
  /** The checkout of another commit, instead of what is built here. */
  readonly checkout?: Checkout;
  /** The loads are multiples of the largest capacity that one of these has. */
  readonly isReference?: boolean;
  /** Triton instead of our own server, with such a queue; `args` are none of it. */
  readonly triton?: TritonQueue;
  /** One contestant in several sizes: of a family only the best goes on after the pilot round. */
  readonly family?: string;
  /** Takes no part where there are several models: each of them would be one more process of it. */
  readonly needsOneModel?: boolean;
}

/** Every request's queue timeout is its objective (REJECT). */
export interface TritonQueue {
  /** Most requests that wait for a model; absent: any number. */
  readonly maxQueueSize?: number;
}

const GREEDY = ['--scheduler=greedy'];
/** More than any run can make wait: nothing is refused for want of room. */
const NO_QUEUE_LIMIT = '--max_enqueued_batches=1000000';

/** A fixed queue of so many batches, and so many runs at once, each on one thread. */
function fixedPlan(batches: number, slots: number): Contestant {
  return {
    name: `queue-${batches}x${slots}`,
    label: `fixed queue of ${batches}, ${slots} ${slots === 1 ? 'slot' : 'slots'}`,
    args: [`--max_enqueued_batches=${batches}`, `--num_batch_threads=${slots}`, '--intra_op_threads=1'],
    argsIfKnown: GREEDY,
  };
}

/** Queue lengths in requests: half a batch of 32, one, two and four. */
const TRITON_QUEUES = [16, 32, 64, 128];
/** The one size that is also measured with several models, of each of which Triton has a process of 130 MB. */
const FOR_MANY_MODELS = 32;

export const CONTESTANTS: readonly Contestant[] = [
  { name: 'pillion', label: 'Pillion', args: [], isOurs: true },
  {
    name: 'greedy',
    label: 'greedy batches, queue of 100',
    args: ['--max_enqueued_batches=100'],
    argsIfKnown: GREEDY,
  },
  { name: 'no-batching', label: 'no batching', args: ['--enable_batching=false'], argsIfKnown: GREEDY },
  { name: 'queue-10', label: 'fixed queue of 10 batches', args: ['--max_enqueued_batches=10'], argsIfKnown: GREEDY },
  { name: 'queue-2', label: 'fixed queue of 2 batches', args: ['--max_enqueued_batches=2'], argsIfKnown: GREEDY },
  ...[1, 2, 3, 4].flatMap((batches) => [1, 2].map((slots) => fixedPlan(batches, slots))),
  { ...fixedPlan(100, 1), isReference: true },
  { ...fixedPlan(100, 2), isReference: true },
  { name: 'queue-timeout', label: 'queue timeout only', args: [NO_QUEUE_LIMIT], argsIfKnown: GREEDY },
  {
    name: 'edf',
    label: 'naive earliest deadline first',
    args: ['--scheduler=edf', NO_QUEUE_LIMIT],
    needs: ['scheduler'],
  },
  { name: 'triton-timeout', label: 'Triton, queue timeout', args: [], triton: {} },
  ...TRITON_QUEUES.map((maxQueueSize) => ({
    name: `triton-queue-${maxQueueSize}`,
    label: `Triton, queue of ${maxQueueSize}, queue timeout`,
    args: [],
    triton: { maxQueueSize },
    family: 'triton-queue',
    needsOneModel: maxQueueSize !== FOR_MANY_MODELS,
  })),
];

export const OURS = CONTESTANTS.find(({ isOurs }) => isOurs === true)!.name;

export function takesPart({ needsOneModel }: Contestant, models: readonly unknown[]): boolean {
  return needsOneModel !== true || models.length === 1;
}

/** The arguments of `serve`, given the text of its help; undefined if it lacks a flag that is needed. */
export function argsOf(contestant: Contestant, help: string): readonly string[] | undefined {
  const knows = (flag: string): boolean => new RegExp(`--${flag}\\b`).test(help);
  if (contestant.needs?.some((flag) => !knows(flag)) === true) return undefined;
  const known = contestant.argsIfKnown?.filter((arg) => knows(/^--(\w+)/.exec(arg)![1]!)) ?? [];
  return [...contestant.args, ...known];
}
