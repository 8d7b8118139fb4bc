/** The keys of lanes: tasks with the same key may share a run. NUL separates the parts: no model has it in a name. */
import type { TensorMap } from '../../core/tensor.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { SchedulerRequest } from '../task.ts';
import { keyAlongAxes, SEPARATOR } from './same-inputs.ts';

type Runnable = Pick<SchedulerRequest, 'inputs' | 'outputs'>;

/** Two NULs in a row are in no key that is made of names. */
const QUARANTINE = '\0\0quarantine ';

/** The key of requests with equal dtypes and shapes of a row. Inputs have the signature's order: no key has names. */
export function rowsKey(plan: SignaturePlan, request: Runnable): string {
  const { axes, inputNames } = plan;
  const ofInputs =
    axes === undefined ? inputsKey(inputNames, request.inputs) : keyAlongAxes(inputNames, axes, request.inputs);
  return outputsKey(plan, request.outputs) + ofInputs;
}

/**
 * The key of requests whose rows have a length: their dtypes and other dims are the signature's. Rows that are longer than
 * padding is proved for share runs with those of their own length alone.
 */
export function lengthsKey(plan: SignaturePlan, outputs: readonly string[], length: number): string {
  const which = length > plan.padding!.most ? `length ${length}` : 'any length';
  return `${outputsKey(plan, outputs)}${SEPARATOR}${which}`;
}

/** The key of requests that are run as they come. It begins with a NUL, so that it differs from every `rowsKey`. */
export function wholeKey(plan: SignaturePlan, outputs: readonly string[], wholeSize: number): string {
  return SEPARATOR + wholeSize + outputsKey(plan, outputs);
}

/** The key of requests of about so many bytes whose shapes are not declared. */
export function oddKey(plan: SignaturePlan, outputs: readonly string[], bytes: number): string {
  return `${SEPARATOR}odd ${bytes}${SEPARATOR}${outputsKey(plan, outputs)}`;
}

/** The key of a lane with the tasks of one quarantined caller alone. */
export function quarantineKey(key: string, caller: string): string {
  return key + QUARANTINE + caller;
}

function outputsKey(plan: SignaturePlan, outputs: readonly string[]): string {
  let key = plan.name;
  for (const output of outputs) key += SEPARATOR + output;
  return key;
}

function inputsKey(inputNames: readonly string[], inputs: TensorMap): string {
  let key = '';
  for (const name of inputNames) {
    const { dtype, shape } = inputs.get(name)!;
    key += SEPARATOR + dtype;
    for (let i = 1; i < shape.length; i++) key += `,${shape[i]}`;
  }
  return key;
}
