/**
 * The configuration of a served model as Triton tells it: by message, and as JSON with field names as in config.pbtxt,
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
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { protoMessage } from '../../codec/protobuf/proto-messages.ts';
import type { Facts } from '../../core/collections/facts.ts';
import { declaredRows, type Signature, type Signatures, type TensorSpec } from '../../core/signature.ts';
import type { LoadFindings } from '../../models/serving/load-findings.ts';
import { completedFields, fieldsOf } from './completed-config.ts';
import { dataTypeOf } from './exported/data-types.ts';
import { mainSignature } from './exported/main-signature.ts';
import { GIVEN_CONFIG, TRITON_MODEL_CONFIG, type TritonConfig } from './exported/model-config.ts';

interface Batched {
  readonly findings: Pick<LoadFindings, 'facts' | 'runtime' | 'configuredRows'>;
}

/** A servable. */
interface Configured extends Batched {
  readonly name: string;
  readonly signatures: Signatures;
}

/** Our runtimes by Triton's names; others keep their own as backend. */
const NAMES: ReadonlyMap<string, { readonly platform: string; readonly backend: string; readonly file: string }> =
  new Map([
    ['onnx', { platform: 'onnxruntime_onnx', backend: 'onnxruntime', file: 'model.onnx' }],
    ['saved_model', { platform: 'tensorflow_savedmodel', backend: 'tensorflow', file: 'model.savedmodel' }],
    ['tfjs', { platform: 'tensorflow_savedmodel', backend: 'tensorflow', file: 'model.savedmodel' }],
  ]);

const ENSEMBLE = 'ensemble';

/** Fields that older files of the protocol lack. A strict reader of theirs refuses them, so 0 is left out. */
const NEWER: ReadonlySet<string> = new Set(['max_inflight_requests']);

/** 64-bit integers are texts in protobuf's JSON; Triton writes numbers. */
const WIDE: ReadonlySet<ScalarType | undefined> = new Set([ScalarType.INT64, ScalarType.UINT64]);

/** The configuration, of which a model's own file has the last word. */
export function tritonConfigOf(servable: Configured): TritonConfig {
  return create(protoMessage(TRITON_MODEL_CONFIG), completed(servable) as never) as TritonConfig;
}

/** The JSON that Triton answers to GET v2/models/NAME/config. */
export function tritonConfigJson(config: TritonConfig): string {
  const type = protoMessage(TRITON_MODEL_CONFIG);
  const json = toJson(type, config, { useProtoFieldName: true, alwaysEmitImplicit: true }) as JsonObject;
  return JSON.stringify(withNumbers(type, json));
}

/** The message inference.ModelConfig. */
export function tritonConfigBytes(config: TritonConfig): Uint8Array {
  return toBinary(protoMessage(TRITON_MODEL_CONFIG), config);
}

/** Triton's name of the model's format, or else of its runtime; '' = not known. */
export function tritonPlatform({ findings: { facts, runtime } }: Batched): string {
  const config = facts.get(GIVEN_CONFIG)?.config;
  return config?.platform || NAMES.get(runtime?.kind ?? '')?.platform || config?.backend || (runtime?.kind ?? '');
}

/**
 * The most rows of a request, as clients are told: what the model's config.pbtxt says, else what its signature declares.
 * It does not depend on whether requests share runs, nor on what runs have shown. 0 = not every tensor has rows at dim 0,
 * as Triton wants them of a model with a batch size, or an input has no dims beside them: clients that make up requests,
 * such as perf_analyzer, send nothing to it.
 */
export function tritonBatchSize({ findings: { facts, configuredRows } }: Batched, signature: Signature): number {
  const config = givenConfig(facts);
  if (config !== undefined) return config.maxBatchSize;
  const rows = declaredRows(signature);
  const haveDims = [...signature.inputs.values()].every(({ shape }) => (shape?.length ?? 0) > 1);
  if (rows === undefined || !haveDims) return 0;
  return rows === -1 ? configuredRows : rows;
}

/** Dim 0 of the model's outputs holds rows, as the model's config.pbtxt says, else as its signature declares. */
export function hasTritonRows(facts: Facts, signature: Signature): boolean {
  const config = givenConfig(facts);
  return config === undefined ? declaredRows(signature) !== undefined : config.maxBatchSize > 0;
}

/** The model's own file, where it says how the model is batched. */
function givenConfig(facts: Facts): TritonConfig | undefined {
  const config = facts.get(GIVEN_CONFIG)?.config;
  return config !== undefined && (config.maxBatchSize > 0 || config.input.length > 0) ? config : undefined;
}

function completed(servable: Configured): object {
  const { name, signatures, findings } = servable;
  const { facts, runtime } = findings;
  const config = facts.get(GIVEN_CONFIG)?.config;
  const known = NAMES.get(runtime?.kind ?? '');
  const signature = mainSignature(signatures)?.[1];
  const given = fieldsOf(config);
  const rows = signature === undefined ? (config?.maxBatchSize ?? 0) : tritonBatchSize(servable, signature);
  const isEnsemble = runtime?.kind === ENSEMBLE;
  // Triton does so for a model that it completes: rows of requests share runs here.
  const batching = (config?.input.length ?? 0) === 0 && rows > 1 ? {} : undefined;
  const parts = { name, maxBatchSize: rows, isOnnx: runtime?.kind === 'onnx', config, batching };
  return {
    ...given,
    ...(isEnsemble ? { modelTransactionPolicy: { decoupled: false } } : completedFields(parts)),
    name,
    platform: config?.platform || known?.platform || '',
    backend: config?.backend || known?.backend || (isEnsemble ? '' : (runtime?.kind ?? '')),
    versionPolicy: config?.versionPolicy ?? { policyChoice: { case: 'latest', value: { numVersions: 1 } } },
    maxBatchSize: rows,
    defaultModelFilename: config?.defaultModelFilename || known?.file || '',
    ...(signature !== undefined && {
      input: config?.input.length ? config.input : tensorsOf(signature.inputs, rows, isOptional(signature)),
      output: config?.output.length ? config.output : tensorsOf(signature.outputs, rows).map(withoutReshape),
    }),
  };
}

/** A scalar is [1] with a reshape: Triton's dims are never empty. A tensor of any rank has no form there. */
function tensorsOf(
  specs: ReadonlyMap<string, TensorSpec>,
  rows: number,
  isLeftOut?: (name: string) => boolean,
): readonly { readonly reshape?: object }[] {
  return [...specs].map(([name, { dtype, shape = [-1] }]) => {
    const dims = shape.slice(rows > 0 ? 1 : 0).map(BigInt);
    const form = dims.length > 0 ? { dims } : { dims: [1n], reshape: { shape: [] } };
    return { name, dataType: dataTypeOf(dtype), ...form, ...(isLeftOut?.(name) === true && { optional: true }) };
  });
}

/** A scalar output is answered as [1] (see output-order.ts), so nothing is reshaped. */
function withoutReshape({ reshape: _, ...output }: { readonly reshape?: object }): object {
  return output;
}

/** The model has a value for it, or the server, of a sequence. */
function isOptional({ defaults, kept }: Signature): (name: string) => boolean {
  return (name) => defaults?.has(name) === true || kept?.nextOf.has(name) === true;
}

function withNumbers(type: DescMessage, json: JsonValue): JsonValue {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json;
  const fields = new Map(type.fields.map((field) => [field.name, field]));
  const told = Object.entries(json).filter(([name, value]) => value !== 0 || !NEWER.has(name));
  return Object.fromEntries(told.map(([name, value]) => [name, fieldWithNumbers(fields.get(name)!, value!)]));
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
