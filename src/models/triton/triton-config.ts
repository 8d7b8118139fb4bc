/**
 * The configuration of a served model as Triton's JSON (GET v2/models/NAME/config): field names as in config.pbtxt,
 * every field of a message that is set, 64-bit integers as numbers, enums by name. A model without a config.pbtxt, of
 * whatever source, gets one made from its signature, as Triton completes such a configuration.
 */
import {
  create,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  ScalarType,
  toJson,
} from '@bufbuild/protobuf';
import { protoMessage } from '../../codec/protobuf/proto-messages.ts';
import { TRITON_MODEL_CONFIG, type TritonConfig } from '../../config/triton/config-message.ts';
import { dataTypeOf } from '../../config/triton/data-types.ts';
import type { Signature, TensorSpec } from '../../core/signature.ts';
import type { Servable } from '../serving/servable.ts';
import { mainSignature } from './config-view.ts';

type Configured = Pick<Servable, 'name' | 'signatures' | 'runtime' | 'triton'>;

/** Our runtimes by Triton's names; others keep their own as backend. */
const NAMES: ReadonlyMap<string, { readonly platform: string; readonly backend: string; readonly file: string }> =
  new Map([
    ['onnx', { platform: 'onnxruntime_onnx', backend: 'onnxruntime', file: 'model.onnx' }],
    ['saved_model', { platform: 'tensorflow_savedmodel', backend: 'tensorflow', file: 'model.savedmodel' }],
    ['tfjs', { platform: 'tensorflow_savedmodel', backend: 'tensorflow', file: 'model.savedmodel' }],
  ]);

/** 64-bit integers are texts in protobuf's JSON; Triton writes numbers. */
const WIDE: ReadonlySet<ScalarType | undefined> = new Set([ScalarType.INT64, ScalarType.UINT64]);

/** The largest batch of a model whose file says nothing of it: Triton's default of an autocompleted one. */
const DEFAULT_MAX_BATCH_SIZE = 4;

const DYNAMIC_BATCHING = { case: 'dynamicBatching', value: {} } as const;

/** `maxBatchSize`: of the model's batches, where no config.pbtxt has it. */
export function tritonConfigOf(servable: Configured, maxBatchSize = DEFAULT_MAX_BATCH_SIZE): JsonObject {
  const type = protoMessage(TRITON_MODEL_CONFIG);
  const message = create(type, completed(servable, maxBatchSize) as never);
  const json = toJson(type, message, { useProtoFieldName: true, alwaysEmitImplicit: true }) as JsonObject;
  return withNumbers(type, json) as JsonObject;
}

function completed({ name, signatures, runtime, triton }: Configured, maxBatchSize: number): object {
  const config = triton?.model.config;
  const known = NAMES.get(runtime?.kind ?? '');
  const signature = mainSignature(signatures)?.[1];
  // `$typeName` and the like stay out: create() sets them.
  const given = config === undefined ? {} : fieldsOf(config);
  const hasBatch = signature !== undefined && isBatched(signature);
  const isGiven = config !== undefined && (config.maxBatchSize > 0 || config.input.length > 0);
  const rows = isGiven ? config.maxBatchSize : hasBatch ? maxBatchSize : 0;
  // A tensor of any rank has no form there.
  const dims = ({ shape }: TensorSpec): readonly bigint[] => shape?.slice(rows > 0 ? 1 : 0).map(BigInt) ?? [-1n];
  // As Triton does for a model that it completes: rows of requests share runs here.
  const scheduling = isGiven || rows <= 1 ? {} : { schedulingChoice: DYNAMIC_BATCHING };
  return {
    ...given,
    ...scheduling,
    name,
    platform: config?.platform || known?.platform || '',
    backend: config?.backend || known?.backend || (runtime?.kind ?? ''),
    versionPolicy: config?.versionPolicy ?? { policyChoice: { case: 'latest', value: { numVersions: 1 } } },
    maxBatchSize: rows,
    defaultModelFilename: config?.defaultModelFilename || known?.file || '',
    ...(signature !== undefined && {
      input: config?.input.length ? config.input : tensorsOf(signature.inputs, dims),
      output: config?.output.length ? config.output : tensorsOf(signature.outputs, dims),
    }),
  };
}

function fieldsOf(config: TritonConfig): object {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !key.startsWith('$')));
}

/** All inputs and outputs have a free dim 0. */
function isBatched({ inputs, outputs, batchAxis }: Signature): boolean {
  const isFree = ({ shape }: TensorSpec): boolean => shape?.[0] === -1;
  return batchAxis.kind !== 'none' && inputs.size > 0 && [...inputs.values(), ...outputs.values()].every(isFree);
}

/** A scalar is [1] with a reshape: Triton's dims are never empty. */
function tensorsOf(
  specs: ReadonlyMap<string, TensorSpec>,
  dimsOf: (spec: TensorSpec) => readonly bigint[],
): readonly object[] {
  return [...specs].map(([name, spec]) => {
    const dims = dimsOf(spec);
    const shape = dims.length > 0 ? { dims } : { dims: [1n], reshape: { shape: [] } };
    return { name, dataType: dataTypeOf(spec.dtype), ...shape };
  });
}

function withNumbers(type: DescMessage, json: JsonValue): JsonValue {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json;
  const fields = new Map(type.fields.map((field) => [field.name, field]));
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [name, fieldWithNumbers(fields.get(name)!, value!)]),
  );
}

function fieldWithNumbers(field: DescField, value: JsonValue): JsonValue {
  const { message } = field;
  const one = (each: JsonValue): JsonValue => {
    if (message !== undefined) return withNumbers(message, each);
    return WIDE.has(field.scalar) && typeof each === 'string' ? Number(each) : each;
  };
  if (field.fieldKind === 'list') return (value as readonly JsonValue[]).map(one);
  if (field.fieldKind !== 'map') return one(value);
  return Object.fromEntries(Object.entries(value as JsonObject).map(([key, each]) => [key, one(each!)]));
}
