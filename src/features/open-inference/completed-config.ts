/**
 * The fields of a ModelConfig that Triton fills in when it loads a model: groups of instances, sizes of batches, pinned
 * memory. Clients that set themselves up by them find what they would find there.
 */
import {
  INSTANCE_KINDS,
  type TritonConfig,
  type TritonInstanceGroup,
  type TritonSequenceBatching,
} from './exported/model-config.ts';

/** Triton's default of ONNX Runtime's backend on the CPU; other backends have one instance. */
const ONNX_INSTANCES = 2;

const PINNED = { enable: true };

export interface CompletedParts {
  readonly name: string;
  readonly maxBatchSize: number;
  readonly isOnnx: boolean;
  readonly config: TritonConfig | undefined;
  /** The model's batching where its file says nothing of it; undefined = none. */
  readonly batching: object | undefined;
}

/** The fields of a model that is no ensemble. */
export function completedFields(parts: CompletedParts): object {
  const { config, maxBatchSize, batching } = parts;
  const choice = config?.schedulingChoice;
  const sequences = choice?.case === 'sequenceBatching' ? choice.value : undefined;
  const given = choice?.case === 'dynamicBatching' ? choice.value : sequences === undefined ? batching : undefined;
  const sizes = choice?.case === 'dynamicBatching' ? choice.value.preferredBatchSize : [];
  const preferredBatchSize = sizes.length > 0 ? sizes : [maxBatchSize];
  return {
    instanceGroup: instanceGroups(parts),
    optimization: { inputPinnedMemory: PINNED, outputPinnedMemory: PINNED, ...fieldsOf(config?.optimization) },
    ...(sequences !== undefined && {
      schedulingChoice: { case: 'sequenceBatching', value: completedSequences(sequences, maxBatchSize) },
    }),
    ...(given !== undefined && {
      schedulingChoice: { case: 'dynamicBatching', value: { ...fieldsOf(given), preferredBatchSize } },
    }),
  };
}

function completedSequences(sequences: TritonSequenceBatching, maxBatchSize: number): object {
  const { strategyChoice: choice } = sequences;
  if (choice.case !== 'oldest' || choice.value.preferredBatchSize.length > 0) return fieldsOf(sequences);
  const value = { ...fieldsOf(choice.value), preferredBatchSize: [maxBatchSize] };
  return { ...fieldsOf(sequences), strategyChoice: { case: 'oldest', value } };
}

function instanceGroups({ name, isOnnx, config }: CompletedParts): readonly object[] {
  const count = isOnnx ? ONNX_INSTANCES : 1;
  const groups: readonly TritonInstanceGroup[] = config?.instanceGroup ?? [];
  if (groups.length === 0) return [{ name, kind: INSTANCE_KINDS.cpu, count }];
  return groups.map((group, i) => ({
    ...fieldsOf(group),
    name: group.name || `${name}_${i}`,
    count: group.count || count,
  }));
}

/** `$typeName` and the like stay out: create() sets them. */
export function fieldsOf(message: object = {}): object {
  return Object.fromEntries(Object.entries(message).filter(([key]) => !key.startsWith('$')));
}
