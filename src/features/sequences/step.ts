/** The step of a sequence that a request is, as the layers between the handler and the sequence's table see it. */
import type { CancelSignal } from '../../core/cancel.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { PlaceInSequence } from '../../models/serving/servable.ts';

/** A request's place in a sequence. Made when the request is resolved, used once. */
export interface StepOfSequence extends PlaceInSequence {
  /** The sequence; its first step makes it. Take the returned turn at once. Throws `sequence_lost`, `overloaded`. */
  enter(): StepTurn;
  /** Throws `too_large` for a state that can have no room. */
  checkBytes(bytes: number): void;
}

/** A step's turn in its sequence. */
export interface StepTurn {
  /** Values of the state's inputs after the step before; read it during the turn. */
  readonly state: TensorMap;
  /**
   * Takes the turn at once, or resolves when it comes; `inputs` are held meanwhile. Rejects with the signal's reason,
   * or if the sequence ends before. Throws `overloaded` if too much waits.
   */
  take(cancel: CancelSignal, inputs: TensorMap): Promise<void> | undefined;
  /** The state after the step. Throws `too_large`, `overloaded`; the state is as before the step then. */
  commit(state: TensorMap): void;
  /** Ends a turn that was taken. `isDone`: the step has been answered. */
  leave(isDone: boolean): void;
}
