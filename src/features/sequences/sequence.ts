/**
 * One sequence: the state that its next step gets, the version that it runs on, and the turns of its steps.
 *
 *   step 1 ──runs──▶ state ──▶ step 2 ──runs──▶ state ──▶ …          one turn at a time, in the order of arrival
 *                              step 3 waits
 *
 * A turn that ends is handed to the step that has waited longest. A step that is cancelled while it waits leaves the
 * line at once. The sequence holds a handle of its version: while it lives, the version is not closed.
 */
import type { CancelListener, CancelSignal } from '../../core/cancel.ts';
import type { Instant } from '../../core/clock.ts';
import type { ServingError } from '../../core/errors.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { Servable, ServableHandle } from '../../models/serving/servable.ts';

const NO_STATE: TensorMap = new Map();

/** The sequences that one caller holds of one model. Nobody else finds them. */
export class SequenceOwner {
  readonly name: string;
  readonly byId = new Map<string, Sequence>();
  /** Bytes of all its states, those included that are given up but have a step that runs. */
  bytes = 0;

  constructor(name: string) {
    this.name = name;
  }
}

export class Sequence {
  readonly owner: SequenceOwner;
  readonly id: string;
  /** Values of the state's inputs for the next step; empty until the first step has ended. */
  state = NO_STATE;
  /** Memory of the state. */
  bytes = 0;
  /** The instant since when it has neither a step that runs nor one that waits. */
  idleSince: Instant = 0;
  /** Set when the table has given it up: why a step that still waits is refused. Undefined: it goes on. */
  end: SequenceEnd | undefined;
  #handle: ServableHandle;
  #isBusy = false;
  readonly #waiting: Waiter[] = [];

  /** Takes over the handle. */
  constructor(owner: SequenceOwner, id: string, handle: ServableHandle) {
    this.owner = owner;
    this.id = id;
    this.#handle = handle;
  }

  get servable(): Servable {
    return this.#handle.servable;
  }

  /** Steps that wait for their turn. */
  get waitingSteps(): number {
    return this.#waiting.length;
  }

  /** No step runs or waits. */
  get isIdle(): boolean {
    return !this.#isBusy;
  }

  /** Takes the turn now, or resolves when it comes. Rejects with the signal's reason, or when the sequence ends. */
  take(cancel: CancelSignal): Promise<void> | undefined {
    if (!this.#isBusy) {
      this.#isBusy = true;
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(cancel, resolve, reject, () => this.#leave(waiter));
      this.#waiting.push(waiter);
    });
  }

  /** Ends a turn: the next step that waits has it then. */
  pass(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isBusy = false;
    else next.grant();
  }

  /** Refuses all steps that wait. */
  refuseWaiting(error: ServingError): void {
    for (const waiter of this.#waiting.splice(0)) waiter.refuse(error);
  }

  /** Keeps the state, which takes `bytes`. */
  keep(state: TensorMap, bytes: number): void {
    this.state = state;
    this.bytes = bytes;
  }

  /** It runs on another servable of the same version from now on. */
  moveTo(servable: Servable): void {
    const handle = servable.borrow();
    this.#handle.release();
    this.#handle = handle;
  }

  /** Gives up the state and the version. Call once, when it is idle. */
  dispose(): void {
    this.state = NO_STATE;
    this.#handle.release();
  }

  #leave(waiter: Waiter): void {
    this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
  }
}

/** Why a sequence is not kept any more. `restarted`: its steps that wait go on, with its state. */
export type SequenceEnd =
  | 'ended'
  | 'restarted'
  | 'expired'
  | 'evicted'
  | 'start_failed'
  | 'version_gone'
  | 'model_gone';

/** A step that waits for its turn. It listens to its request's cancel signal meanwhile. */
class Waiter implements CancelListener {
  readonly #cancel: CancelSignal;
  readonly #resolve: () => void;
  readonly #reject: (error: ServingError) => void;
  readonly #onLeave: () => void;

  constructor(cancel: CancelSignal, resolve: () => void, reject: (error: ServingError) => void, onLeave: () => void) {
    this.#cancel = cancel;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#onLeave = onLeave;
    cancel.listener = this;
  }

  onCancel(reason: ServingError): void {
    this.#onLeave();
    this.#reject(reason);
  }

  grant(): void {
    this.#cancel.listener = undefined;
    this.#resolve();
  }

  refuse(error: ServingError): void {
    this.#cancel.listener = undefined;
    this.#reject(error);
  }
}
