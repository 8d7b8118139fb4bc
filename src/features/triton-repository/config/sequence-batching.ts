/**
 * Checks sequence_batching by itself; serving/sequence-state.ts holds it against the graph.
 *
 *   control_input   inputs that say which step of a sequence a row is of: the server fills them
 *   state           outputs that are inputs of the next step: the server keeps them (src/features/sequences/README.md)
 */
import type { Findings, Where } from '../../../config/config-file.ts';
import { dtypeOf } from '../../open-inference/exported/data-types.ts';
import {
  CONTROL_KINDS,
  type TritonConfig,
  type TritonControlInput,
  type TritonSequenceBatching,
  type TritonState,
} from '../../open-inference/exported/model-config.ts';

const DAY_MS = 86_400_000;
/** Types of a control that is the sequence's id. */
const ID_TYPES = ['uint64', 'int64', 'uint32', 'int32', 'string'] as const;

/** Undefined if the model is no model of sequences. */
export function sequencesOf({ schedulingChoice }: Pick<TritonConfig, 'schedulingChoice'>) {
  return schedulingChoice.case === 'sequenceBatching' ? schedulingChoice.value : undefined;
}

/** The inputs of a model of sequences that its requests do not bring: the server fills them. */
export function filledInputs(config: Pick<TritonConfig, 'input' | 'schedulingChoice'>): ReadonlySet<string> {
  const { controlInput = [], state = [] } = sequencesOf(config) ?? {};
  const isListed = ({ inputName }: TritonState): boolean => config.input.some(({ name }) => name === inputName);
  const ofState = state.filter((each) => !isListed(each)).map(({ inputName }) => inputName);
  return new Set([...controlInput.map(({ name }) => name), ...ofState]);
}

/** The bounds that it sets, by their keys in pillion.yaml; undefined = it has no sequences. Adds its mistakes to `errors`. */
export function sequenceBoundsOf(
  config: TritonConfig,
  where: Where,
  { errors, warnings }: Findings,
): { readonly idle_ms?: bigint } | undefined {
  const sequences = sequencesOf(config);
  if (sequences === undefined) return undefined;
  checkNames(config, sequences, where, errors);
  const kinds = new Set<number>();
  for (const [i, input] of sequences.controlInput.entries()) {
    const problem = controlProblem(input, kinds);
    const at = where(`sequence_batching.control_input[${i}]`);
    if (problem !== undefined) errors.push(`${at}: control_input "${input.name}": ${problem}`);
  }
  for (const [i, state] of sequences.state.entries()) {
    const problem = stateProblem(state);
    const at = where(`sequence_batching.state[${i}]`);
    if (problem !== undefined) errors.push(`${at}: state "${state.inputName}": ${problem}`);
  }
  if (config.modelWarmup.length > 0) {
    warnings.push(`${where('model_warmup[0]')}: model_warmup has no effect: its requests are no steps of a sequence`);
  }
  const idle = Number(sequences.maxSequenceIdleMicroseconds) / 1000;
  return idle === 0 ? {} : { idle_ms: BigInt(Math.min(DAY_MS, Math.ceil(idle))) };
}

/** An input has one meaning. */
function checkNames(config: TritonConfig, sequences: TritonSequenceBatching, where: Where, errors: string[]): void {
  const seen = new Set(config.input.map(({ name }) => name));
  for (const [i, { name }] of sequences.controlInput.entries()) {
    if (seen.has(name))
      errors.push(`${where(`sequence_batching.control_input[${i}]`)}: input "${name}" is listed twice`);
    seen.add(name);
  }
  // A state may be listed under input, too: its first step may bring it then.
  const states = new Set(sequences.controlInput.map(({ name }) => name));
  for (const [i, { inputName: name }] of sequences.state.entries()) {
    if (states.has(name)) errors.push(`${where(`sequence_batching.state[${i}]`)}: input "${name}" is listed twice`);
    states.add(name);
  }
}

function controlProblem({ name, control }: TritonControlInput, kinds: Set<number>): string | undefined {
  if (name === '') return 'its name is missing';
  const [only] = control;
  if (only === undefined || control.length > 1) return 'it needs one control';
  if (kinds.has(only.kind)) return 'another control_input has the same kind';
  kinds.add(only.kind);
  if (only.kind === CONTROL_KINDS.id) {
    if (ID_TYPES.some((dtype) => dtype === dtypeOf(only.dataType))) return undefined;
    return 'an id has the data_type TYPE_UINT64, TYPE_INT64, TYPE_UINT32, TYPE_INT32 or TYPE_STRING';
  }
  const pairs = [only.int32FalseTrue, only.fp32FalseTrue, only.boolFalseTrue].filter(({ length }) => length > 0);
  if (pairs.length === 1 && pairs[0]!.length === 2) return undefined;
  return 'it needs one of int32_false_true, fp32_false_true and bool_false_true, with two values';
}

function stateProblem({ inputName, outputName, dataType, dims, initialState }: TritonState): string | undefined {
  if (inputName === '' || outputName === '') return 'it needs an input_name and an output_name';
  if (dtypeOf(dataType) === undefined) return 'its data_type is missing';
  if (dims.length === 0) return 'its dims are missing';
  const bad = dims.find((dim) => dim < -1n || dim === 0n);
  if (bad !== undefined) return `${bad} is no dim; 1 or more, or -1 for any size`;
  const [initial] = initialState;
  if (initialState.length > 1) return 'it has several initial_state; one is enough';
  if (initial === undefined) return undefined;
  const fits = initial.dims.length === dims.length && dims.every((dim, i) => dim === -1n || dim === initial.dims[i]);
  if (!fits || initial.dims.some((dim) => dim < 0n))
    return 'the dims of its initial_state do not fit its own; all have sizes';
  if (initial.dataType !== dataType) return 'the data_type of its initial_state is another than its own';
  const { stateData } = initial;
  if (stateData.case === 'zeroData' && stateData.value) return undefined;
  if (stateData.case !== 'dataFile') return 'its initial_state needs zero_data: true or a data_file';
  return isFileName(stateData.value)
    ? undefined
    : `data_file "${stateData.value}" is no name in the directory initial_state`;
}

/** A path below the directory it is given for. */
export function isFileName(name: string): boolean {
  return name !== '' && !name.split(/[/\\]/).includes('..') && !/^[/\\]/.test(name);
}
