/**
 * Requests that are steps of sequences, as the kernel knows them: something keeps values for a model's callers from one
 * step to the next, finds the version that a step runs on, and completes its inputs in a layer of the version's stack.
 */
import type { SequenceStep } from '../../core/model-spec.ts';
import type { Signatures } from '../../core/signature.ts';
import type { VersionChoice } from '../versions/version-choice.ts';
import type { PlaceInSequence, Servable, ServableHandle } from './servable.ts';

/** A step, and its owner as `ownerOf` in proxy/caller.ts gives it. */
export interface OwnedStep {
  readonly owner: string;
  readonly step: SequenceStep;
}

/** The sequences of one model. */
export interface StepTable {
  /**
   * Borrows the version that a step runs on: its sequence's, or the one that `acquire` lends if it is the first, which
   * ends what ran under its id. Throws `sequence_lost`, or as `acquire` does.
   */
  acquire(step: OwnedStep, choice: VersionChoice, acquire: () => ServableHandle): ServableHandle;
  /** The step of a request that was resolved to `servable`, the one that `acquire` lent just now. */
  stepOf(step: OwnedStep, servable: Servable): PlaceInSequence;
}

/** True if the answers of the version depend on earlier requests. */
export function keepsState(signatures: Signatures): boolean {
  return [...signatures.values()].some(({ kept }) => kept !== undefined);
}
