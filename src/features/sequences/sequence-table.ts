/**
 * The sequences of one model, over all its versions, by caller and id.
 *
 *   acquire ─▶ enter ─▶ (its turn) ─▶ commit ─▶ leave           a step that fails or is cancelled: leave without commit
 *
 * Contract:
 * - A sequence stays on the version of its first step until it ends or expires, whatever is loaded meanwhile.
 * - Its steps have turns, one after another, in the order in which they entered.
 * - A step that is not committed has changed nothing. But a first step ends what ran under its id when it is resolved,
 *   and if it is refused or fails there is no sequence.
 * - A caller reaches its own sequences alone.
 * - At capacity a new sequence takes the place of one that has had no step for a while: of the same caller, or of one
 *   that has more than it will have. If there is none, it is refused (`overloaded`). A state that finds no room so
 *   fails its step (`too_large`), and so does one that the memory of all models has no room for (`overloaded`).
 */
import type { CancelSignal } from '../../core/cancel.ts';
import type { Clock } from '../../core/clock.ts';
import type { SequenceStep } from '../../core/model-spec.ts';
import { memoryOf, type TensorMap } from '../../core/tensor.ts';
import { KeptMemory } from '../../models/memory/kept-memory.ts';
import type { Servable, ServableHandle } from '../../models/serving/servable.ts';
import type { OwnedStep, StepTable } from '../../models/serving/steps.ts';
import type { VersionChoice } from '../../models/versions/version-choice.ts';
import { IdleSequences } from './idle-sequences.ts';
import { LostSequences } from './lost-sequences.ts';
import { Sequence, type SequenceEnd, SequenceOwner } from './sequence.ts';
import {
  checkSequenceId,
  noMemoryToKeep,
  otherVersion,
  sequenceLost,
  stateTooLarge,
  tooManySequences,
  tooManySteps,
} from './sequence-errors.ts';
import type { SequenceLimits } from './sequence-limits.ts';
import type { StepOfSequence, StepTurn } from './step.ts';

/** The events that are counted: starts, refusals, and each way to end. */
export type SequenceEvent = 'started' | 'refused' | SequenceEnd;

export interface SequenceTableOptions {
  readonly model: string;
  readonly clock: Clock;
  /** Read at each use: a reload may change them. */
  readonly limits: () => SequenceLimits;
  /** Counts the states of all models. Default: of this one alone, without a bound. */
  readonly kept?: KeptMemory | undefined;
}

/** Steps of one sequence that may wait for the one before. */
const MOST_WAITING_STEPS = 64;

export class SequenceTable implements StepTable {
  readonly counts = new Map<SequenceEvent, number>();
  readonly #options: SequenceTableOptions;
  readonly #owners = new Map<string, SequenceOwner>();
  readonly #idle: IdleSequences;
  readonly #kept: KeptMemory;
  readonly #lost = new LostSequences();
  #isClosed = false;
  #open = 0;
  #bytes = 0;

  constructor(options: SequenceTableOptions) {
    this.#options = options;
    this.#kept = options.kept ?? new KeptMemory();
    const { clock, limits } = options;
    this.#idle = new IdleSequences({ clock, limits, onEnd: (sequence, end) => this.#remove(sequence, end) });
  }

  /** Sequences that go on. */
  get open(): number {
    return this.#open;
  }

  /** Bytes of all states. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The sequences that go on, by version. */
  openByVersion(): ReadonlyMap<bigint, number> {
    const counts = new Map<bigint, number>();
    for (const { servable } of this.#all()) counts.set(servable.version, (counts.get(servable.version) ?? 0) + 1);
    return counts;
  }

  acquire({ owner, step }: OwnedStep, choice: VersionChoice, acquire: () => ServableHandle): ServableHandle {
    const id = checkSequenceId(step.id);
    if (step.start) {
      this.#supersede(owner, id);
      return acquire();
    }
    const { servable } = this.#find(owner, id);
    if (choice.version !== undefined && choice.version !== servable.version) {
      throw otherVersion(this.#options.model, id, servable.version, choice.version);
    }
    return servable.borrow();
  }

  stepOf({ owner, step }: OwnedStep, servable: Servable): StepOfSequence {
    const id = checkSequenceId(step.id);
    const sequence = step.start ? undefined : this.#find(owner, id);
    return {
      step,
      enter: () => this.#turnOf(this.#enter(sequence ?? this.#start(owner, id, servable)), step),
      checkBytes: (bytes) => this.#checkBytes(bytes),
    };
  }

  #turnOf(sequence: Sequence, step: SequenceStep): StepTurn {
    return {
      get state() {
        return sequence.state;
      },
      take: (cancel, inputs) => this.#take(sequence, cancel, inputs),
      commit: (state) => this.#commit(sequence, state),
      leave: (isDone) => this.#leave(sequence, step, isDone),
    };
  }

  /** A step enters the sequence that it was resolved to, unless that has ended or begun anew since. */
  #enter(sequence: Sequence): Sequence {
    if (sequence.end !== undefined) throw this.#lostError(sequence.id, sequence.end);
    this.#idle.delete(sequence);
    return sequence;
  }

  #take(sequence: Sequence, cancel: CancelSignal, inputs: TensorMap): Promise<void> | undefined {
    if (sequence.isIdle) return sequence.take(cancel);
    const { model } = this.#options;
    const { retryAfterMs } = this.#idle;
    if (sequence.waitingSteps >= MOST_WAITING_STEPS) throw tooManySteps(model, sequence.id, MOST_WAITING_STEPS);
    const bytes = memoryOf(inputs);
    if (!this.#kept.makeRoomFor(bytes)) throw noMemoryToKeep(model, this.#kept.limitBytes, retryAfterMs);
    this.#kept.add(bytes);
    const giveBack = (): void => this.#kept.add(-bytes);
    const comes = sequence.take(cancel)!;
    comes.then(giveBack, giveBack);
    return comes;
  }

  #checkBytes(bytes: number): void {
    const { mostBytesPerCaller: most } = this.#options.limits();
    if (bytes > most) throw stateTooLarge(this.#options.model, 'yours', most, bytes);
  }

  #commit(sequence: Sequence, state: TensorMap): void {
    const growth = memoryOf(state) - sequence.bytes;
    if (growth > 0) this.#makeBytes(sequence.owner, growth);
    sequence.keep(state, sequence.bytes + growth);
    this.#addBytes(sequence.owner, growth);
  }

  #addBytes(owner: SequenceOwner, bytes: number): void {
    owner.bytes += bytes;
    this.#bytes += bytes;
    this.#kept.add(bytes);
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
    this.#idle.add(sequence);
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
    this.#idle.close();
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
    this.#supersede(name, id);
    this.#makeRoom(owner);
    const sequence = new Sequence(owner, id, servable.borrow());
    owner.byId.set(id, sequence);
    this.#owners.set(name, owner);
    this.#lost.forget(name, id);
    this.#open += 1;
    this.#count('started');
    return sequence;
  }

  /** Ends the sequence under the id, before there is a new one; its steps that wait go on. */
  #supersede(owner: string, id: string): void {
    const before = this.#owners.get(owner)?.byId.get(id);
    if (before === undefined) return;
    this.#remove(before, 'restarted');
    this.#lost.add(owner, id, 'start_failed');
  }

  /** Makes room for one more of this caller's. */
  #makeRoom(owner: SequenceOwner): void {
    const { most, mostPerCaller } = this.#options.limits();
    const isMine = (each: Sequence): boolean => each.owner === owner;
    const isOfMore = (each: Sequence): boolean => isMine(each) || each.owner.byId.size > owner.byId.size + 1;
    const { model } = this.#options;
    if (!this.#idle.evict(() => owner.byId.size < mostPerCaller, isMine)) {
      this.#count('refused');
      throw tooManySequences(model, 'yours', mostPerCaller, this.#idle.retryAfterMs);
    }
    if (!this.#idle.evict(() => this.#open < most, isOfMore)) {
      this.#count('refused');
      throw tooManySequences(model, 'all', most, this.#idle.retryAfterMs);
    }
  }

  /** Makes room for so many more bytes of this caller's. */
  #makeBytes(owner: SequenceOwner, growth: number): void {
    const { mostBytes, mostBytesPerCaller } = this.#options.limits();
    const isMine = (each: Sequence): boolean => each.owner === owner;
    const isOfMore = (each: Sequence): boolean => isMine(each) || each.owner.bytes > owner.bytes + growth;
    const { model } = this.#options;
    if (!this.#idle.evict(() => owner.bytes + growth <= mostBytesPerCaller, isMine)) {
      throw stateTooLarge(model, 'yours', mostBytesPerCaller, owner.bytes + growth);
    }
    if (!this.#idle.evict(() => this.#bytes + growth <= mostBytes, isOfMore)) {
      throw stateTooLarge(model, 'all', mostBytes, this.#bytes + growth);
    }
    if (!this.#idle.evict(() => this.#kept.makeRoomFor(growth), isOfMore)) {
      throw noMemoryToKeep(model, this.#kept.limitBytes, this.#idle.retryAfterMs);
    }
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
    this.#addBytes(owner, -sequence.bytes);
    sequence.dispose();
    if (owner.byId.size === 0 && this.#owners.get(owner.name) === owner) this.#owners.delete(owner.name);
  }

  #lostError(id: string, end: SequenceEnd | undefined) {
    return sequenceLost(this.#options.model, id, end, this.#options.limits());
  }

  #count(event: SequenceEvent): void {
    this.counts.set(event, (this.counts.get(event) ?? 0) + 1);
  }
}
