/**
 * Who is compared: one server, under different flags. This list is all that has to change for another.
 *
 * Flags are given only where `serve --help` knows them. A contestant that needs one which is not there is left out, and
 * so is one that does not start; the others are measured all the same.
 */
export interface Contestant {
  readonly name: string;
  readonly label: string;
  readonly args: readonly string[];
  /** Given where the server knows them: what is the default without the flag stays what it is. */
  readonly argsIfKnown?: readonly string[];
  /** Without these flags it would be another contestant. */
  readonly needs?: readonly string[];
  readonly isOurs?: boolean;
  /** The one whose capacity the loads are multiples of. */
  readonly isReference?: boolean;
}

const GREEDY = ['--scheduler=greedy'];
/** More than any run can make wait: nothing is refused for want of room. */
const NO_QUEUE_LIMIT = '--max_enqueued_batches=1000000';

export const CONTESTANTS: readonly Contestant[] = [
  { name: 'pillion', label: 'Pillion', args: [], isOurs: true },
  {
    name: 'greedy',
    label: 'greedy batches, queue of 100',
    args: ['--max_enqueued_batches=100'],
    argsIfKnown: GREEDY,
    isReference: true,
  },
  { name: 'no-batching', label: 'no batching', args: ['--enable_batching=false'], argsIfKnown: GREEDY },
  { name: 'queue-10', label: 'fixed queue of 10 batches', args: ['--max_enqueued_batches=10'], argsIfKnown: GREEDY },
  { name: 'queue-2', label: 'fixed queue of 2 batches', args: ['--max_enqueued_batches=2'], argsIfKnown: GREEDY },
  { name: 'queue-timeout', label: 'queue timeout only', args: [NO_QUEUE_LIMIT], argsIfKnown: GREEDY },
  {
    name: 'edf',
    label: 'naive earliest deadline first',
    args: ['--scheduler=edf', NO_QUEUE_LIMIT],
    needs: ['scheduler'],
  },
];

/** What `serve` is started with, given the text of its help; undefined if it lacks a flag that is needed. */
export function argsOf(contestant: Contestant, help: string): readonly string[] | undefined {
  const knows = (flag: string): boolean => new RegExp(`--${flag}\\b`).test(help);
  if (contestant.needs?.some((flag) => !knows(flag)) === true) return undefined;
  const known = contestant.argsIfKnown?.filter((arg) => knows(/^--(\w+)/.exec(arg)![1]!)) ?? [];
  return [...contestant.args, ...known];
}
