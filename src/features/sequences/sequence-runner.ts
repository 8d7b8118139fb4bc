/**
 * The layer of a version's runner that keeps states: it turns a step of a sequence into an ordinary request.
 *
 *   step:  input, sr                        output            ◀─ what the caller sends and gets
 *             │ + state, kept or zeros         ▲ − stateN, kept
 *             ▼                                │
 *   request: input, state, sr  ─ scheduler ─▶ output, stateN
 *
 * Steps wait here for the turn of their sequence. Then they are requests like others: those of different sequences
 * share batches. A request that is no step is passed on as it is, with a state that it brings itself.
 */
import type { SharedError } from '../../core/errors.ts';
import { elementCount, shapeFits } from '../../core/shape.ts';
import { rowAxisOf, type Signature, type Signatures } from '../../core/signature.ts';
import { byteLengthOf, repeatedRows, type Tensor, type TensorMap, withOwnMemory, zerosOf } from '../../core/tensor.ts';
import { RunnerAbove } from '../../models/serving/runner-above.ts';
import type { ServableRequest, ServableRunner } from '../../models/serving/servable.ts';
import type { TaskContext } from '../../scheduler/task.ts';
import { stateIsKept, stateIsMissing } from './sequence-errors.ts';
import type { SignatureState, States } from './state.ts';
import type { StepOfSequence, StepTurn } from './step.ts';
import { controlOf } from './step-controls.ts';

/** A signature that keeps a state. */
interface StatefulSignature extends Signature {
  readonly state: SignatureState['tensors'];
  readonly controls: SignatureState['controls'];
}

export class SequenceRunner extends RunnerAbove {
  readonly #stateful: ReadonlyMap<string, StatefulSignature>;
  /** Steps that wait for their turn are not queued below yet. */
  readonly #steps = new Set<Promise<TensorMap>>();

  /** `signatures`: the graph's own. */
  constructor(inner: ServableRunner, signatures: Signatures, states: States) {
    super(inner);
    this.#stateful = new Map(
      [...states].map(([name, { tensors: state, controls }]) => [name, { ...signatures.get(name)!, state, controls }]),
    );
  }

  submit(request: ServableRequest): Promise<TensorMap> {
    const { sequence, signatureName } = request;
    if (sequence === undefined) return this.inner.submit(request);
    // The table of this feature has made it.
    const step = sequence as StepOfSequence;
    const signature = this.#stateful.get(signatureName);
    if (signature === undefined) throw new Error(`signature ${signatureName} keeps no state: the handler refuses it`);
    const answer = this.#take(request, step, signature);
    this.#steps.add(answer);
    const leave = (): boolean => this.#steps.delete(answer);
    answer.then(leave, leave);
    return answer;
  }

  refusalOf(signatureName: string, context: TaskContext): SharedError | undefined {
    return this.inner.refusalOf?.(signatureName, context);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#steps);
    await this.inner.close();
  }

  /** Throws at once if there is no such sequence, or no room for it. */
  #take(request: ServableRequest, step: StepOfSequence, signature: StatefulSignature): Promise<TensorMap> {
    const { cancel } = request.context;
    cancel.throwIfCancelled();
    const turn = step.enter();
    const comes = turn.take(cancel, request.inputs);
    if (comes === undefined) return this.#run(request, step, signature, turn);
    return comes.then(() => this.#run(request, step, signature, turn));
  }

  /** The step has its turn. */
  async #run(
    request: ServableRequest,
    place: StepOfSequence,
    signature: StatefulSignature,
    turn: StepTurn,
  ): Promise<TensorMap> {
    const { context, signatureName } = request;
    const { start, end } = place.step;
    let isDone = false;
    try {
      context.cancel.throwIfCancelled();
      const inputs = inputsOf(request, signature, start ? undefined : turn.state, place);
      const outputs = wantedOutputs(request.outputs, signature.state);
      const isOddShape = request.isOddShape === true || !fits(inputs, signature);
      const given = await this.inner.submit({ signatureName, inputs, outputs, context, isOddShape });
      // A step that ends too late changes no state.
      context.cancel.throwIfCancelled();
      if (!end) turn.commit(stateAfter(given, signature.state));
      isDone = true;
      return new Map(request.outputs.map((name) => [name, given.get(name)!]));
    } finally {
      turn.leave(isDone);
    }
  }
}

/** All inputs in the signature's order. `kept`: the state of a step that goes on; undefined: it is the first. */
function inputsOf(
  { inputs: given }: ServableRequest,
  signature: StatefulSignature,
  kept: TensorMap | undefined,
  place: StepOfSequence,
): TensorMap {
  const inputs = new Map<string, Tensor>();
  for (const name of signature.inputs.keys()) {
    const own = given.get(name);
    const control = signature.controls?.get(name);
    if (control !== undefined)
      inputs.set(name, controlOf(name, control, signature, rowsOf(signature, given), place.step));
    else if (!signature.state.has(name)) {
      if (own !== undefined) inputs.set(name, own);
    } else if (kept === undefined) inputs.set(name, own ?? firstState(signature, name, given, place));
    else if (own !== undefined) throw stateIsKept(name);
    else inputs.set(name, kept.get(name)!);
  }
  return inputs;
}

/** The zeros that a sequence begins with. */
function firstState(signature: StatefulSignature, name: string, given: TensorMap, place: StepOfSequence): Tensor {
  const { zeros, initial } = signature.state.get(name)!;
  if (zeros === undefined) throw stateIsMissing(name);
  const { dtype } = signature.inputs.get(name)!;
  const axis = rowAxisOf(signature, name);
  const shape = axis === undefined ? zeros : zeros.with(axis, rowsOf(signature, given));
  place.checkBytes(elementCount(shape));
  if (initial !== undefined) return repeatedRows(initial, shape);
  const tensor = zerosOf(dtype, shape);
  place.checkBytes(byteLengthOf(tensor));
  return tensor;
}

/** The rows of the inputs that the request brings; 1 if none has rows. */
function rowsOf(signature: Signature, given: TensorMap): number {
  for (const [name, { shape }] of given) {
    const axis = rowAxisOf(signature, name);
    if (axis !== undefined) return shape[axis] ?? 1;
  }
  return 1;
}

/** The outputs that the caller wants, and those that are its next state. */
function wantedOutputs(wanted: readonly string[], state: SignatureState['tensors']): readonly string[] {
  const outputs = new Set(wanted);
  for (const { output } of state.values()) outputs.add(output);
  return [...outputs];
}

/** The state may have a shape that its input does not declare: the graph decides then, in a run of its own. */
function fits(inputs: TensorMap, signature: StatefulSignature): boolean {
  for (const name of signature.state.keys()) {
    if (!shapeFits(inputs.get(name)!.shape, signature.inputs.get(name)!.shape)) return false;
  }
  return true;
}

function stateAfter(given: TensorMap, state: SignatureState['tensors']): TensorMap {
  return new Map([...state].map(([input, { output }]) => [input, withOwnMemory(given.get(output)!)]));
}
