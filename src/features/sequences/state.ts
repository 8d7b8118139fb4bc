/** The state of a signature: inputs whose values come from the step before. */
import { factKey } from '../../core/collections/facts.ts';
import type { Shape } from '../../core/shape.ts';
import type { KeptValues, Signature, Signatures } from '../../core/signature.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { StepControl } from '../../models/loading/declared-state.ts';

export interface StateTensor {
  /** The output that is the input's value in the next step. */
  readonly output: string;
  /**
   * The shape of the zeros that a sequence begins with; -1 = the rows of the request. Undefined: its first step brings
   * a value of its own.
   */
  readonly zeros: Shape | undefined;
  /** One row that a sequence begins with instead of the zeros; their shape has the rows at dim 0, if it has any. */
  readonly initial?: Tensor;
}

export interface SignatureState {
  /** The state by the name of the input. */
  readonly tensors: ReadonlyMap<string, StateTensor>;
  /** The inputs that the server fills for each step of a sequence, with one element for each row. */
  readonly controls?: ReadonlyMap<string, StepControl>;
  /** See KeptValues. */
  readonly whyStep?: string;
}

/** The states by the graph's signature; one that is not there keeps no state. */
export type States = ReadonlyMap<string, SignatureState>;

/** The key of the states, on a version that keeps some. */
export const STATES = factKey<States>('states');

/** The same signatures, which tell of the state that they keep. */
export function withStates(signatures: Signatures, states: States): Signatures {
  return new Map([...signatures].map(([name, signature]) => [name, withState(signature, states.get(name))]));
}

function withState(signature: Signature, state: SignatureState | undefined): Signature {
  if (state === undefined) return signature;
  const nextOf = new Map([...state.tensors].map(([input, { output }]) => [input, output]));
  const kept: KeptValues = { nextOf, whyStep: state.whyStep };
  return { ...signature, kept };
}
