/**
 * Values that a model's configuration says are kept from one request to the next, for the feature that keeps them,
 * whichever format the configuration has.
 */
import { factKey } from '../../core/collections/facts.ts';
import type { ServingError } from '../../core/errors.ts';
import type { Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';

/** An input that tells the model which step of a sequence its rows are of: the server fills it. */
export type StepControl =
  /** `no`, `yes`: one element, by whether the step is such a one. A request that runs is always `ready`. */
  | { readonly kind: 'start' | 'end' | 'ready'; readonly no: Uint8Array; readonly yes: Uint8Array }
  /** The sequence's id. */
  | { readonly kind: 'id' };

/** An input whose value is an output of the step before. */
export interface DeclaredValue {
  readonly output: string;
  /** The value that a sequence begins with: zeros (the default), or the one that its first step brings. */
  readonly initial?: 'zeros' | 'request' | undefined;
  /** The shape of the zeros, for one row. Default: the input's. */
  readonly shape?: Shape | undefined;
}

/** The state of the graph's main signature, whose requests must all be steps. */
export interface DeclaredState {
  readonly signatureName: string;
  /** Kept values by the graph's input. */
  readonly values: ReadonlyMap<string, DeclaredValue>;
  /** Controls by the graph's input, with one element for each row. */
  readonly controls: ReadonlyMap<string, StepControl>;
  /** The reason why a request must be a step, as KeptValues has it. */
  readonly whyStep: string;
  /** How the declaration does not fit the graph, as far as that was found. */
  readonly problems: readonly string[];
  /** The load's error, with all problems. */
  refusal(problems: readonly string[]): ServingError;
  /** One row that a sequence begins with instead of zeros, by input. Rejects with `load_failed`. */
  readInitial(): Promise<ReadonlyMap<string, Tensor>>;
}

/** The fact of a version that is being loaded. */
export const DECLARED_STATE = factKey<DeclaredState>('declared-state');
