/**
 * The signature of a served model, as GET /v1/models/M/metadata of TensorFlow Serving's API tells it:
 *
 *   {"metadata": {"signature_def": {"signature_def": {NAME: {"inputs": {NAME: {"dtype": "DT_FLOAT", "tensor_shape": …}}}}}}}
 */
import type { Columns } from '../core/columns/columns.ts';
import { columnsIn, type ToldColumns } from '../core/columns/told-columns.ts';
import { DTYPES, type DType } from '../core/dtype.ts';
import { askServer, readAnswer } from './ask-server.ts';
import type { ServerAddress } from './server-address.ts';

export interface ServedTensor {
  readonly dtype: DType;
  /** -1 = any size; undefined = any rank. */
  readonly shape: readonly number[] | undefined;
  readonly tensorName: string;
  /** Its columns by name, where the model's file tells them. */
  readonly columns?: Columns;
  /** A null is a missing value. */
  readonly takesMissing?: boolean;
}

export interface ServedSignature {
  readonly inputs: ReadonlyMap<string, ServedTensor>;
  readonly outputs: ReadonlyMap<string, ServedTensor>;
}

/** TensorInfo, in JSON and as protobuf's readers give it. */
export interface TensorInfo {
  readonly name?: string;
  readonly dtype?: string;
  readonly tensor_shape?: {
    readonly dim?: readonly { readonly size?: string | number }[];
    readonly unknown_rank?: boolean;
  } | null;
}

/** SignatureDef, in the same two forms. */
export interface SignatureInfo {
  readonly inputs?: Readonly<Record<string, TensorInfo>>;
  readonly outputs?: Readonly<Record<string, TensorInfo>>;
}

/** Names of dtypes in protobuf. The others are those of `DTYPES` in capitals. */
const DT_NAMES: Readonly<Record<string, DType>> = {
  DT_FLOAT: 'float32',
  DT_DOUBLE: 'float64',
  DT_HALF: 'float16',
  ...Object.fromEntries(DTYPES.map((dtype) => [`DT_${dtype.toUpperCase()}`, dtype])),
};

/** The path of a model, or of one of its versions. */
export function modelPath(model: string, version: string): string {
  const of = version === '' ? '' : `/versions/${version}`;
  return `/v1/models/${encodeURIComponent(model)}${of}`;
}

/** Rejects as `askServer`, and for a signature that the model does not have. */
export async function servedSignature(
  server: ServerAddress,
  { model, version, signature }: { readonly model: string; readonly version: string; readonly signature: string },
): Promise<ServedSignature> {
  const body = await askServer(server, { path: `${modelPath(model, version)}/metadata` });
  return readAnswer(server, body, (text) => {
    const { metadata } = JSON.parse(text) as {
      readonly metadata: {
        readonly signature_def: { readonly signature_def: Record<string, SignatureInfo> };
        readonly columns?: unknown;
      };
    };
    const { inputs, outputs } = signatureIn(metadata.signature_def.signature_def, signature);
    return { inputs: withColumns(inputs, metadata.columns, signature), outputs };
  });
}

/** The signature of that name. Throws an Error that lists the others. */
export function signatureIn(signatures: Readonly<Record<string, SignatureInfo>>, name: string): ServedSignature {
  const found = Object.hasOwn(signatures, name) ? signatures[name] : undefined;
  if (found !== undefined) return { inputs: tensorsOf(found.inputs), outputs: tensorsOf(found.outputs) };
  const names = Object.keys(signatures).map((each) => JSON.stringify(each));
  throw new Error(`the model has no signature ${JSON.stringify(name)}; it has ${names.join(', ') || 'none'}`);
}

/** The inputs with the columns that metadata tells of the signature (core/columns/told-columns.ts). */
export function withColumns(
  inputs: ReadonlyMap<string, ServedTensor>,
  told: unknown,
  signature: string,
): ReadonlyMap<string, ServedTensor> {
  const known = new Map(Object.entries((told as Partial<ToldColumns> | undefined)?.[signature] ?? {}));
  return new Map([...inputs].map(([name, tensor]) => [name, withColumnsOf(tensor, known.get(name))]));
}

/** Whoever has columns takes missing values, too: models of trees. */
export function withColumnsOf(tensor: ServedTensor, told: unknown): ServedTensor {
  const columns = columnsIn(told);
  return columns === undefined ? tensor : { ...tensor, columns, takesMissing: true };
}

function tensorsOf(infos: SignatureInfo['inputs'] = {}): ReadonlyMap<string, ServedTensor> {
  return new Map(Object.entries(infos).map(([name, info]) => [name, tensorOf(name, info)]));
}

function tensorOf(
  name: string,
  { name: tensorName = name, dtype = '', tensor_shape: shape }: TensorInfo,
): ServedTensor {
  const known = Object.hasOwn(DT_NAMES, dtype) ? DT_NAMES[dtype] : undefined;
  if (known === undefined) throw new Error(`tensor ${JSON.stringify(name)} has the dtype ${dtype}, which is not known`);
  const dims = shape?.dim?.map(({ size = 0 }) => Number(size)) ?? [];
  return { dtype: known, shape: shape?.unknown_rank === true ? undefined : dims, tensorName };
}
