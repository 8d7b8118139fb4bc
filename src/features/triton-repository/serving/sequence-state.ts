/**
 * The state and the controls of a model with sequence_batching, held against its graph.
 *
 *   config.pbtxt                                   of the graph's signature
 *   control_input { name: "START" … }          ─▶  controls: the server fills the input for each step
 *   state { input_name: "h" output_name: "hN" } ─▶  state: the server keeps it from step to step
 */
import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import type { ModelConfig } from '../../../config/model-config.ts';
import type { DType } from '../../../core/dtype.ts';
import { ServingError } from '../../../core/errors.ts';
import { formatShape } from '../../../core/shape.ts';
import type { Signature, Signatures } from '../../../core/signature.ts';
import type { Tensor } from '../../../core/tensor.ts';
import type { DeclaredState, StepControl } from '../../../models/loading/declared-state.ts';
import { dataTypeName, dtypeOf } from '../../open-inference/exported/data-types.ts';
import { mainSignature } from '../../open-inference/exported/main-signature.ts';
import {
  CONTROL_KINDS,
  type TritonConfig,
  type TritonControlInput,
  type TritonState,
} from '../../open-inference/exported/model-config.ts';
import { sequencesOf } from '../config/sequence-batching.ts';
import { TRITON, type TritonModel } from '../config/triton-model.ts';
import { mergedShape, withBatch } from './graph-check.ts';
import { readRawTensor } from './raw-tensor.ts';

const DIRECTORY = 'initial_state';
const WHY_STEP =
  'answers steps of sequences alone (sequence_batching in its config.pbtxt); send sequence_id, and sequence_start with ' +
  'the first step, or the headers x-pillion-sequence-id and x-pillion-sequence-step';

/** Undefined if the model is no model of sequences. */
export function stateOfTriton(model: ModelConfig, graphs: Signatures): DeclaredState | undefined {
  const triton = TRITON.of(model);
  const sequences = triton && sequencesOf(triton.config);
  const main = mainSignature(graphs);
  if (sequences === undefined || main === undefined) return undefined;
  const [signatureName, graph] = main;
  return {
    signatureName,
    values: new Map(sequences.state.map((state) => [state.inputName, declarationOf(state, triton!.config)])),
    controls: new Map(sequences.controlInput.map((input) => [input.name, controlOf(input)])),
    whyStep: WHY_STEP,
    problems: [
      ...sequences.controlInput.flatMap((input) => controlProblems(input, triton!.config, graph)),
      ...sequences.state.flatMap((state) => stateProblems(state, triton!.config, graph)),
    ],
    refusal: (problems) => {
      const text = `its sequence_batching does not fit the graph: ${[...new Set(problems)].join('; ')}`;
      return new ServingError('load_failed', `model "${model.name}": ${text}`);
    },
    readInitial: () => initialOf(sequences.state, triton!),
  };
}

function controlProblems({ name, control }: TritonControlInput, config: TritonConfig, graph: Signature): string[] {
  const spec = graph.inputs.get(name);
  if (spec === undefined) return [`the graph has no input "${name}"; it has ${[...graph.inputs.keys()].join(', ')}`];
  const dtype = controlType(control[0]!);
  const wanted = withBatch(config, [1]);
  if (spec.dtype !== dtype) return [`control_input "${name}" is ${dtype}, but ${spec.dtype} in the graph`];
  if (spec.shape === undefined || mergedShape(wanted, spec.shape) !== undefined) return [];
  return [`control_input "${name}" is ${formatShape(wanted)}, but ${formatShape(spec.shape)} in the graph`];
}

/** The output is held against the input by whoever keeps the state. */
function stateProblems({ inputName, dataType, dims }: TritonState, config: TritonConfig, graph: Signature): string[] {
  const spec = graph.inputs.get(inputName);
  if (spec === undefined) return [];
  if (spec.dtype !== dtypeOf(dataType)) {
    return [`state "${inputName}" is ${dataTypeName(dataType)}, but ${spec.dtype} in the graph`];
  }
  const wanted = withBatch(config, dims.map(Number));
  if (spec.shape === undefined || mergedShape(wanted, spec.shape) !== undefined) return [];
  return [`state "${inputName}" is ${formatShape(wanted)}, but ${formatShape(spec.shape)} in the graph`];
}

/** Triton gives any data if there is no initial_state, with 1 for each free dim: zeros here. */
function declarationOf({ outputName, dims, initialState: [initial] }: TritonState, { maxBatchSize }: TritonConfig) {
  const row = (initial?.dims ?? dims.map((dim) => (dim === -1n ? 1n : dim))).map(Number);
  return { output: outputName, initial: 'zeros' as const, shape: maxBatchSize > 0 ? [1, ...row] : row };
}

async function initialOf(
  states: readonly TritonState[],
  { directory }: TritonModel,
): Promise<ReadonlyMap<string, Tensor>> {
  const initials = new Map<string, Tensor>();
  for (const {
    inputName,
    initialState: [initial],
  } of states) {
    if (initial?.stateData.case !== 'dataFile') continue;
    const dims = initial.dims.map(Number);
    try {
      const file = initial.stateData.value;
      initials.set(inputName, await readRawTensor(join(directory, DIRECTORY), file, dtypeOf(initial.dataType)!, dims));
    } catch (error) {
      const text = `the initial_state of state "${inputName}": ${(error as Error).message}`;
      throw new ServingError('load_failed', text, { cause: error });
    }
  }
  return initials;
}

type Control = TritonControlInput['control'][number];

function controlType({ kind, dataType, int32FalseTrue, fp32FalseTrue }: Control): DType {
  if (kind === CONTROL_KINDS.id) return dtypeOf(dataType)!;
  if (int32FalseTrue.length > 0) return 'int32';
  return fp32FalseTrue.length > 0 ? 'float32' : 'bool';
}

function controlOf({ control: [control] }: TritonControlInput): StepControl {
  const { kind, int32FalseTrue, fp32FalseTrue, boolFalseTrue } = control!;
  if (kind === CONTROL_KINDS.id) return { kind: 'id' };
  const [no, yes] = [0, 1].map((at) => {
    if (int32FalseTrue.length > 0) return Buffer.from(Int32Array.of(int32FalseTrue[at]!).buffer);
    if (fp32FalseTrue.length > 0) return Buffer.from(Float32Array.of(fp32FalseTrue[at]!).buffer);
    return Buffer.of(boolFalseTrue[at]! ? 1 : 0);
  });
  const name = kind === CONTROL_KINDS.start ? 'start' : kind === CONTROL_KINDS.end ? 'end' : 'ready';
  return { kind: name, no: no!, yes: yes! };
}
