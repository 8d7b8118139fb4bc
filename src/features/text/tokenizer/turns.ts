/**
 * Decides which slice of texts the tokenizer gets next. Callers come in turn, so that a caller with thousands of slices holds
 * nobody up by more than one; of a caller's own the one goes first that is due first, and of these the older.
 *
 *   caller a  A₁ A₂ A₃ …  ─┐
 *   caller b  B₁          ─┼─▶ one at a time: A₁ B₁ C₁ A₂ C₂ A₃ …
 *   caller c  C₁ C₂       ─┘
 *
 * The caller whose turn was longest ago has the next one. A request asks for its next slice a moment after the one before has
 * ended, so its caller's last turn is known for a while when nothing of it waits.
 *
 * A request that is cancelled leaves at once; so does one whose deadline passes, as that cancels it. At capacity a caller
 * is refused only if it holds its fair share: the capacity over the number of callers that wait.
 */
import type { CancelListener } from '../../../core/cancel.ts';
import type { Clock } from '../../../core/clock.ts';
import { Heap, type HeapEntry } from '../../../core/collections/heap.ts';
import { ServingError } from '../../../core/errors.ts';
import type { TokenizerUser } from '../exported/text-model.ts';
import { tooLate, tooMany } from './tokenizer-errors.ts';

/** Slices that may wait. */
const MOST_WAITING = 4096;
/** The name of all callers that have none, taken together. */
const NO_CALLER = '';

/** The slices of one caller that wait, and the number of its last turn. */
interface Line {
  readonly slices: Heap<Waiting>;
  turn: number;
}

export class Turns {
  readonly #clock: Clock;
  /** The callers that wait. */
  readonly #lines = new Map<string, Line>();
  /** The last turns of callers that had one lately, the latest last. */
  readonly #turns = new Map<string, number>();
  #turn = 0;
  #waiting = 0;
  #came = 0;
  #isRunning = false;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Slices that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Does the work when its turn comes, and nothing else meanwhile. Rejects with what the work rejects with; with the cancel
   * reason as soon as the user is cancelled, and with `deadline_exceeded` if its deadline has passed, both without the work
   * if it has not begun; with `overloaded` at capacity. Owns the user's cancel listener until it settles.
   */
  take<T>(user: TokenizerUser, work: () => Promise<T>): Promise<T> {
    const { cancel, deadline, caller = NO_CALLER } = user;
    cancel.throwIfCancelled();
    if (this.#isClosed) throw unloaded();
    const line = this.#lines.get(caller) ?? this.#newLine(caller);
    const { slices } = line;
    const callers = this.#lines.size + (slices.size === 0 ? 1 : 0);
    if (this.#waiting >= MOST_WAITING && slices.size + 1 > MOST_WAITING / callers) throw tooMany(MOST_WAITING);
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => this.#remove(caller, waiting);
      const waiting = new Waiting(deadline, this.#came++, () => work().then(resolve, reject), reject, leave);
      cancel.listener = waiting;
      slices.add(waiting);
      this.#lines.set(caller, line);
      this.#waiting += 1;
      if (!this.#isRunning) void this.#run();
    }).finally(() => {
      cancel.listener = undefined;
    });
  }

  /** Rejects all that wait with `draining`, and all that come. */
  close(): void {
    this.#isClosed = true;
    const all = [...this.#lines.values()].flatMap(({ slices }) => [...slices.entries()]);
    this.#lines.clear();
    this.#waiting = 0;
    for (const { fail } of all) fail(unloaded());
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (next.deadline > this.#clock.nowMs()) await next.work();
      else next.fail(tooLate());
    }
    this.#isRunning = false;
  }

  /** A caller that comes goes behind those that wait, and before the one whose turn it is. */
  #newLine(caller: string): Line {
    return { slices: new Heap<Waiting>(isBefore), turn: this.#turns.get(caller) ?? this.#turn - 0.5 };
  }

  /** Takes the next one out. */
  #next(): Waiting | undefined {
    let first: [caller: string, line: Line] | undefined;
    for (const each of this.#lines) if (first === undefined || each[1].turn < first[1].turn) first = each;
    if (first === undefined) return undefined;
    const [caller, line] = first;
    const next = line.slices.peek()!;
    this.#remove(caller, next);
    this.#turn += 1;
    line.turn = this.#turn;
    this.#turns.delete(caller);
    this.#turns.set(caller, this.#turn);
    if (this.#turns.size > MOST_WAITING) this.#turns.delete(this.#turns.keys().next().value!);
    return next;
  }

  #remove(caller: string, waiting: Waiting): void {
    const line = this.#lines.get(caller);
    if (line?.slices.remove(waiting) !== true) return;
    this.#waiting -= 1;
    if (line.slices.size === 0) this.#lines.delete(caller);
  }
}

class Waiting implements HeapEntry, CancelListener {
  heapIndex = -1;
  readonly deadline: number;
  /** The number of those that came before it. */
  readonly place: number;
  readonly work: () => Promise<void>;
  readonly fail: (error: ServingError) => void;
  readonly #leave: () => void;

  constructor(
    deadline: number,
    place: number,
    work: () => Promise<void>,
    fail: (error: ServingError) => void,
    leave: () => void,
  ) {
    this.deadline = deadline;
    this.place = place;
    this.work = work;
    this.fail = fail;
    this.#leave = leave;
  }

  onCancel(reason: ServingError): void {
    this.#leave();
    this.fail(reason);
  }
}

function isBefore(a: Waiting, b: Waiting): boolean {
  return a.deadline === b.deadline ? a.place < b.place : a.deadline < b.deadline;
}

function unloaded(): ServingError {
  return new ServingError('draining', 'the model is being unloaded');
}
