/** Bounds for files of strangers: beyond them a model is undecided. */

/** Nested graphs, as of If in If, and functions that call functions. */
export const MOST_NESTED = 16;
/** Nodes that are followed, those of functions and branches each time they are reached. */
export const MOST_NODES = 200_000;
/** Nodes of functions and branches that one node of the model's graph may reach: the event loop waits for them. */
export const MOST_INNER_NODES = 20_000;
/** Bytes of a model without its large tensors. */
export const MOST_BYTES = 64 * 1024 * 1024;
/** Dims of a tensor. */
export const MOST_DIMS = 32;
/** Messages and values of at most so many bytes are read whole. */
export const SMALL_BYTES = 8 * 1024;

/** The model cannot be followed; its message says why. */
export class UndecidedModel extends Error {}

export function undecidedModel(reason: string): UndecidedModel {
  return new UndecidedModel(reason);
}
