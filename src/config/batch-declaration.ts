/**
 * What the owner of a model says about its batch axis, in the pillion.yaml beside the model or in the server's
 * configuration. It is obeyed; what the server finds out itself is only a warning then.
 */
import type { BatchAxes } from '../core/signature.ts';

export type BatchDeclaration =
  /** Each request is run as it came. */
  | { readonly kind: 'off' }
  /** Rows of requests share runs. The axes of inputs and outputs by the graph's names; the others have it at dim 0. */
  | { readonly kind: 'axes'; readonly axes: BatchAxes };
