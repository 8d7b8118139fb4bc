/**
 * The sequences of one model, over all its versions, by caller and id.
 *
 *   acquire ─▶ enter ─▶ (its turn) ─▶ commit ─▶ leave           a step that fails or is cancelled: leave without commit
 *
 * Contract:
 * - A sequence stays on the version of its first step until it ends or expires, whatever is loaded meanwhile.
 * - Its steps have turns, one after another, in the order in which they entered.
 * - A step that is not committed has changed nothing. But a first step ends what ran under its id, and if it fails
 *   there is no sequence.
 * - A caller reaches its own sequences alone.
 * - At capacity a new sequence takes the place of one that has had no step for a while: of the same caller, or of one
 *   that has more than it will have. If there is none, it is refused (`overloaded`). A state that finds no room so fails its step
 *   (`too_large`).
 */
import { type Clock, WakeTimer } from '../../core/clock.ts';
import type { SequenceStep } from '../../core/model-spec.ts';
import { byteLengthOfAll, type TensorMap } from '../../core/tensor.ts';
import type { Servable, ServableHandle } from '../serving/servable.ts';
import type { VersionChoice } from '../versions/version-choice.ts';
import { LostSequences } from './lost-sequences.ts';
import { Sequence, type SequenceEnd, SequenceOwner } from './sequence.ts';
import { checkSequenceId, otherVersion, sequenceLost, stateTooLarge, tooManySequences } from './sequence-errors.ts';
import type { SequenceLimits } from './sequence-limits.ts';
import type { StepOfSequence, StepTurn } from './step.ts';

/** What is counted: starts, and each way to end. */
export type SequenceEvent = 'started' | 'refused' | SequenceEnd;

export interface SequenceTableOptions {
  readonly model: string;
  readonly clock: Clock;
  /** Read at each use: a reload may change them. */
  readonly limits: () => SequenceLimits;
}

/** A step, and whose it is: as `ownerOf` in proxy/caller.ts. */
export interface OwnedStep {
  readonly owner: string;
  readonly step: SequenceStep;
}

/** Without a step for this share of the idle time, a sequence may have to make room. */
const EVICTION_SHARE = 0.1;
const LEAST_RETRY_MS = 1000;

export class SequenceTable {
  readonly counts = new Map<SequenceEvent, number>();
  readonly #options: SequenceTableOptions;
  readonly #owners = new Map<string, SequenceOwner>();
  /** Those without a step that runs or waits, the longest idle first. */
  readonly #idle = new Set<Sequence>();
  readonly #lost = new LostSequences();
  readonly #timer: WakeTimer;
  #isArmed = false;
  #isClosed = false;
  #open = 0;
  #bytes = 0;

  constructor(options: SequenceTableOptions) {
    this.#options = options;
    this.#timer = new WakeTimer(options.clock, () => this.#expire());
  }

  /** Sequences that go on. */
  get open(): number {
    return this.#open;
  }

  /** Of all states. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The sequences that go on, by version. */
  openByVersion(): ReadonlyMap<bigint, number> {
    const counts = new Map<bigint, number>();
    for (const { servable } of this.#all()) counts.set(servable.version, (counts.get(servable.version) ?? 0) + 1);
    return counts;
  }

  /**
   * Borrows the version that a step runs on: its sequence's, or the one that `acquire` lends if it is the first. Throws
   * `sequence_lost`, or as `acquire` does.
   */
  acquire({ owner, step }: OwnedStep, choice: VersionChoice, acquire: () => ServableHandle): ServableHandle {
    const id = checkSequenceId(step.id);
    if (step.start) return acquire();
    const { servable } = this.#find(owner, id);
    if (choice.version !== undefined && choice.version !== servable.version) {
      throw otherVersion(this.#options.model, id, servable.version, choice.version);
    }
    return servable.borrow();
  }

  /** The step of a request that was resolved to `servable`, the one that `acquire` lent. */
  stepOf(owned: OwnedStep, servable: Servable): StepOfSequence {
    return {
      step: owned.step,
      enter: () => this.#turnOf(this.#enter(owned, servable), owned.step),
      checkBytes: (bytes) => this.#checkBytes(bytes),
    };
  }

  #turnOf(sequence: Sequence, step: SequenceStep): StepTurn {
    return {
      get state() {
        return sequence.state;
      },
      take: (cancel) => sequence.take(cancel),
      commit: (state) => this.#commit(sequence, state),
      leave: (isDone) => this.#leave(sequence, step, isDone),
    };
  }

  /** The sequence of a step that was checked against the signature of `servable`; a first step makes it. */
  #enter({ owner, step }: OwnedStep, servable: Servable): Sequence {
    const id = checkSequenceId(step.id);
    const sequence = step.start ? this.#start(owner, id, servable) : this.#find(owner, id);
    // Started anew since the request was resolved.
    if (sequence.servable.version !== servable.version) throw this.#lostError(id, 'restarted');
    this.#idle.delete(sequence);
    return sequence;
  }

  #checkBytes(bytes: number): void {
    const { mostBytesPerCaller: most } = this.#options.limits();
    if (bytes > most) throw stateTooLarge(this.#options.model, 'yours', most, bytes);
  }

  #commit(sequence: Sequence, state: TensorMap): void {
    const growth = byteLengthOfAll(state) - sequence.bytes;
    if (growth > 0) this.#makeBytes(sequence.owner, growth);
    sequence.keep(state);
    sequence.owner.bytes += growth;
    this.#bytes += growth;
  }

  #leave(sequence: Sequence, { start, end }: SequenceStep, isDone: boolean): void {
    if (start && !isDone) this.#remove(sequence, 'start_failed');
    else if (end && isDone) this.#remove(sequence, 'ended');
    sequence.pass();
    if (!sequence.isIdle) return;
    if (sequence.end !== undefined) {
      this.#dispose(sequence);
      return;
    }
    sequence.idleSince = this.#options.clock.nowMs();
    this.#idle.add(sequence);
    this.#arm();
  }

  /** The version is unloaded at once, so that its sequences cannot go on. */
  drop(servable: Servable): void {
    for (const sequence of this.#all()) if (sequence.servable === servable) this.#remove(sequence, 'version_gone');
  }

  /** Another servable of the same version takes the place of one. */
  replace(served: Servable, next: Servable): void {
    for (const sequence of this.#all()) if (sequence.servable === served) sequence.moveTo(next);
  }

  /** The model is not served any more. */
  close(): void {
    this.#isClosed = true;
    for (const sequence of this.#all()) this.#remove(sequence, 'model_gone');
    this.#timer.disarm();
  }

  #all(): readonly Sequence[] {
    return [...this.#owners.values()].flatMap(({ byId }) => [...byId.values()]);
  }

  #find(owner: string, id: string): Sequence {
    const sequence = this.#owners.get(owner)?.byId.get(id);
    if (sequence === undefined) throw this.#lostError(id, this.#lost.endOf(owner, id));
    return sequence;
  }

  #start(name: string, id: string, servable: Servable): Sequence {
    if (this.#isClosed) throw this.#lostError(id, 'model_gone');
    const owner = this.#owners.get(name) ?? new SequenceOwner(name);
    const before = owner.byId.get(id);
    if (before === undefined) this.#makeRoom(owner);
    else this.#remove(before, 'restarted');
    const sequence = new Sequence(owner, id, servable.borrow());
    owner.byId.set(id, sequence);
    this.#owners.set(name, owner);
    this.#lost.forget(name, id);
    this.#open += 1;
    this.#count('started');
    return sequence;
  }

  /** Makes room for one more of this caller's. */
  #makeRoom(owner: SequenceOwner): void {
    const { most, mostPerCaller } = this.#options.limits();
    const isMine = (each: Sequence): boolean => each.owner === owner;
    const isOfMore = (each: Sequence): boolean => isMine(each) || each.owner.byId.size > owner.byId.size + 1;
    const { model } = this.#options;
    if (!this.#evict(() => owner.byId.size < mostPerCaller, isMine)) {
      this.#count('refused');
      throw tooManySequences(model, 'yours', mostPerCaller, this.#retryAfterMs());
    }
    if (!this.#evict(() => this.#open < most, isOfMore)) {
      this.#count('refused');
      throw tooManySequences(model, 'all', most, this.#retryAfterMs());
    }
  }

  /** Makes room for so many more bytes of this caller's. */
  #makeBytes(owner: SequenceOwner, growth: number): void {
    const { mostBytes, mostBytesPerCaller } = this.#options.limits();
    const isMine = (each: Sequence): boolean => each.owner === owner;
    const isOfMore = (each: Sequence): boolean => isMine(each) || each.owner.bytes > owner.bytes + growth;
    const { model } = this.#options;
    if (!this.#evict(() => owner.bytes + growth <= mostBytesPerCaller, isMine)) {
      throw stateTooLarge(model, 'yours', mostBytesPerCaller, owner.bytes + growth);
    }
    if (!this.#evict(() => this.#bytes + growth <= mostBytes, isOfMore)) {
      throw stateTooLarge(model, 'all', mostBytes, this.#bytes + growth);
    }
  }

  /** Gives up idle sequences until there is room; false if there is none. */
  #evict(hasRoom: () => boolean, mayGo: (sequence: Sequence) => boolean): boolean {
    if (hasRoom()) return true;
    const { idleMs } = this.#options.limits();
    const before = this.#options.clock.nowMs() - EVICTION_SHARE * idleMs;
    for (const sequence of this.#idle) {
      if (sequence.idleSince > before) return false;
      if (mayGo(sequence)) this.#remove(sequence, 'evicted');
      if (hasRoom()) return true;
    }
    return false;
  }

  #retryAfterMs(): number {
    const [first] = this.#idle;
    const { idleMs } = this.#options.limits();
    const leftMs = first === undefined ? 0 : first.idleSince + EVICTION_SHARE * idleMs - this.#options.clock.nowMs();
    return Math.max(LEAST_RETRY_MS, leftMs);
  }

  /** Gives a sequence up: at once, or when its step that runs has ended. */
  #remove(sequence: Sequence, end: SequenceEnd): void {
    const { owner, id } = sequence;
    // Those of a restarted one that wait go on, unless its state ends, too.
    if (end !== 'restarted') sequence.refuseWaiting(this.#lostError(id, end));
    if (sequence.end !== undefined) return;
    sequence.end = end;
    owner.byId.delete(id);
    this.#idle.delete(sequence);
    this.#open -= 1;
    this.#count(end);
    if (end !== 'restarted') this.#lost.add(owner.name, id, end);
    if (sequence.isIdle) this.#dispose(sequence);
  }

  #dispose(sequence: Sequence): void {
    const { owner } = sequence;
    owner.bytes -= sequence.bytes;
    this.#bytes -= sequence.bytes;
    sequence.dispose();
    if (owner.byId.size === 0 && this.#owners.get(owner.name) === owner) this.#owners.delete(owner.name);
  }

  #arm(): void {
    const [first] = this.#idle;
    if (this.#isArmed || first === undefined) return;
    this.#isArmed = true;
    this.#timer.arm(first.idleSince + this.#options.limits().idleMs);
  }

  #expire(): void {
    this.#isArmed = false;
    const before = this.#options.clock.nowMs() - this.#options.limits().idleMs;
    for (const sequence of this.#idle) {
      if (sequence.idleSince > before) break;
      this.#remove(sequence, 'expired');
    }
    this.#arm();
  }

  #lostError(id: string, end: SequenceEnd | undefined) {
    return sequenceLost(this.#options.model, id, end, this.#options.limits());
  }

  #count(event: SequenceEvent): void {
    this.counts.set(event, (this.counts.get(event) ?? 0) + 1);
  }
}
