/**
 * The effect of each field of a config.pbtxt: it holds, it refuses the model, or it has none and a warning says
 * so. A field that is in none of the tables is reported by its name.
 *
 * Paths are without indices: "instance_group.rate_limiter".
 */
import type { DescField } from '@bufbuild/protobuf';
import { type ReflectList, type ReflectMap, type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { protoMessage } from '../../../codec/protobuf/proto-messages.ts';
import type { Where } from '../../../config/config-file.ts';
import { TRITON_MODEL_CONFIG, type TritonConfig } from '../../open-inference/exported/model-config.ts';

/** Fields that hold; what is inside a message of `PARTLY` is looked at one by one. */
export const HOLDS: ReadonlySet<string> = new Set([
  'name',
  'platform',
  'backend',
  'version_policy',
  'max_batch_size',
  'input.name',
  'input.data_type',
  'input.format',
  'input.dims',
  'input.reshape',
  'output.name',
  'output.data_type',
  'output.dims',
  'output.reshape',
  'output.label_filename',
  'instance_group.name',
  'instance_group.kind',
  'instance_group.count',
  'instance_group.gpus',
  'default_model_filename',
  'dynamic_batching.max_queue_delay_microseconds',
  'dynamic_batching.default_queue_policy.timeout_action',
  'dynamic_batching.default_queue_policy.default_timeout_microseconds',
  'dynamic_batching.default_queue_policy.max_queue_size',
  'sequence_batching.max_sequence_idle_microseconds',
  'sequence_batching.control_input',
  'sequence_batching.state.input_name',
  'sequence_batching.state.output_name',
  'sequence_batching.state.data_type',
  'sequence_batching.state.dims',
  'sequence_batching.state.initial_state',
  'sequence_batching.direct.max_queue_delay_microseconds',
  'sequence_batching.oldest.max_queue_delay_microseconds',
  'response_cache',
  'ensemble_scheduling',
  'model_warmup',
  'model_transaction_policy',
]);

const PARTLY: ReadonlySet<string> = new Set([
  'input',
  'output',
  'instance_group',
  'optimization',
  'dynamic_batching',
  'dynamic_batching.default_queue_policy',
  'sequence_batching',
  'sequence_batching.state',
  'sequence_batching.direct',
  'sequence_batching.oldest',
]);

/** The answers would be others than the owner means. Completes "FIELD is not supported: …". */
export const REFUSED: ReadonlyMap<string, string> = new Map([
  ['sequence_batching.iterative_sequence', 'a request is run once here; send each step as a request'],
  ['batch_input', 'inputs that the server makes of a batch are not made here'],
  ['batch_output', 'outputs that are cut by the shape of an input are not cut here'],
  ['input.is_shape_tensor', 'shape tensors are TensorRT’s, which is no runtime here'],
  ['output.is_shape_tensor', 'shape tensors are TensorRT’s, which is no runtime here'],
  ['model_repository_agents', 'no agent runs here, so what it would check or change would be left out'],
]);

const OWN_SETTINGS = 'runtimes have their own settings here';

/** Completes "FIELD has no effect: …". */
export const WITHOUT_EFFECT: ReadonlyMap<string, string> = new Map([
  ['runtime', 'the runtime is one of this server’s own'],
  ['optimization.execution_accelerators', 'there is no TensorRT and no OpenVINO: KIND_GPU is CUDA, KIND_CPU the CPU'],
  ['optimization.cuda', 'CUDA graphs are not used'],
  ['optimization.graph', OWN_SETTINGS],
  ['optimization.priority', OWN_SETTINGS],
  ['optimization.input_pinned_memory', OWN_SETTINGS],
  ['optimization.output_pinned_memory', OWN_SETTINGS],
  ['optimization.gather_kernel_buffer_threshold', OWN_SETTINGS],
  ['optimization.eager_batching', OWN_SETTINGS],
  ['dynamic_batching.preferred_batch_size', 'the sizes of batches are learned from the measured cost of their rows'],
  ['dynamic_batching.preserve_ordering', 'each answer is sent when it is ready'],
  ['dynamic_batching.priority_levels', 'a request has one of three priorities: x-pillion-priority'],
  ['dynamic_batching.default_priority_level', 'a request has one of three priorities: x-pillion-priority'],
  ['dynamic_batching.priority_queue_policy', 'all priorities have the same queue policy'],
  ['dynamic_batching.default_queue_policy.allow_timeout_override', 'each request may have a deadline of its own'],
  ['sequence_batching.direct.minimum_slot_utilization', 'a step takes no slot: its state is an input of its run'],
  ['sequence_batching.oldest.max_candidate_sequences', 'no sequence waits for another one'],
  ['sequence_batching.oldest.preferred_batch_size', 'the sizes of batches are learned from the cost of their rows'],
  ['sequence_batching.oldest.preserve_ordering', 'the steps of a sequence are always answered in their order'],
  ['sequence_batching.state.use_same_buffer_for_input_output', 'states are kept in the server’s own memory'],
  ['sequence_batching.state.use_growable_memory', 'states are kept in the server’s own memory'],
  ['instance_group.rate_limiter', 'all models share the cores by weight'],
  ['instance_group.secondary_devices', 'only CPU and CUDA are known'],
  ['instance_group.profile', 'profiles are TensorRT’s'],
  ['instance_group.passive', 'every instance takes requests'],
  ['instance_group.host_policy', 'the kernel places threads'],
  ['input.allow_ragged_batch', 'requests of different shapes run in different batches'],
  ['cc_model_filenames', 'the default model file is loaded on every device'],
  ['metric_tags', 'metrics have the labels model and version'],
  ['parameters', 'they are for other backends; runtimes have their own settings here'],
  ['model_operations', 'no library of operations is loaded'],
  ['model_metrics', 'histograms have fixed buckets'],
]);

export interface FieldEffects {
  readonly refusals: readonly string[];
  readonly warnings: readonly string[];
}

/** One text for each field that is set and does not hold; a field that stands several times is reported once. */
export function fieldEffects(config: TritonConfig, where: Where): FieldEffects {
  const effects = { refusals: new Map<string, string>(), warnings: new Map<string, string>() };
  const visit = (message: ReflectMessage, name: string, place: string): void => {
    for (const field of message.desc.fields) {
      const path = name === '' ? field.name : `${name}.${field.name}`;
      if (!message.isSet(field) || HOLDS.has(path)) continue;
      const at = place === '' ? field.name : `${place}.${field.name}`;
      if (PARTLY.has(path)) {
        for (const [inner, innerAt] of messagesOf(message, field, at)) visit(inner, path, innerAt);
      } else note(path, where(isSeveral(field) ? `${at}[0]` : at), keysOf(message, field));
    }
  };
  const note = (path: string, at: string, keys: string): void => {
    const because = REFUSED.get(path);
    if (because !== undefined) effects.refusals.set(path, `${at}: ${path} is not supported: ${because}`);
    else if (!effects.warnings.has(path)) {
      const why = WITHOUT_EFFECT.get(path) ?? 'it is not known here';
      effects.warnings.set(path, `${at}: ${path}${keys} has no effect: ${why}`);
    }
  };
  visit(reflect(protoMessage(TRITON_MODEL_CONFIG), config), '', '');
  return { refusals: [...effects.refusals.values()], warnings: [...effects.warnings.values()] };
}

function isSeveral({ fieldKind }: DescField): boolean {
  return fieldKind === 'list' || fieldKind === 'map';
}

/** The most keys of a map that a warning names. */
const MAX_KEYS = 8;

/** ' (a, b)' for a map. */
function keysOf(message: ReflectMessage, field: DescField): string {
  if (field.fieldKind !== 'map') return '';
  const keys = [...(message.get(field) as ReflectMap)].map(([key]) => String(key));
  const more = keys.length > MAX_KEYS ? ', …' : '';
  return ` (${keys.slice(0, MAX_KEYS).join(', ')}${more})`;
}

/** The messages of a field, each with its place: one, or those of a list. */
function messagesOf(
  message: ReflectMessage,
  field: DescField,
  place: string,
): readonly (readonly [ReflectMessage, string])[] {
  if (field.fieldKind !== 'list') return [[message.get(field) as ReflectMessage, place]];
  const list = message.get(field) as ReflectList;
  return [...list].map((each, i) => [each as ReflectMessage, `${place}[${i}]`] as const);
}
