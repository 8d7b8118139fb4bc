/** The Open Inference Protocol's REST: GET /v2/models/M, POST /v2/models/M/infer. */
import { Buffer } from 'node:buffer';
import { askServer, readAnswer } from '../../cli/ask-server.ts';
import { type ServedTensor, withColumnsOf } from '../../cli/served-inputs.ts';
import type { ServerAddress } from '../../cli/server-address.ts';
import { DATATYPES, dtypeOfDatatype } from '../../codec/open-inference/datatypes.ts';
import { elements, type Tensor } from '../../core/tensor.ts';
import { DataError } from './data-error.ts';
import { type Answer, answerOf, nested, type Protocol, parseAnswer, type Target, tensorsOf } from './protocol.ts';

interface V2Tensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data?: readonly unknown[];
  readonly parameters?: { readonly columns?: unknown };
}

export interface V2Protocol extends Protocol {
  /** The body of the request over HTTP. `body` as for `predict`. */
  prepare(body: Buffer): Promise<Buffer>;
}

export function v2Protocol(server: ServerAddress, { model, version }: Target): V2Protocol {
  const of = version === '' ? '' : `/versions/${version}`;
  const path = `/v2/models/${encodeURIComponent(model)}${of}`;
  let known: ReadonlyMap<string, ServedTensor> | undefined;
  const inputs = async (): Promise<ReadonlyMap<string, ServedTensor>> => {
    known ??= readAnswer(server, await askServer(server, { path }), inputsIn);
    return known;
  };
  const prepare = async (body: Buffer): Promise<Buffer> => {
    const sent = [...tensorsOf(body, await inputs())].map(([name, tensor]) => inputText(name, tensor));
    return Buffer.from(`{"inputs":[${sent.join(',')}]}`);
  };
  return {
    inputs,
    prepare,
    predict: async (body) => {
      const request = await prepare(body);
      return readAnswer(server, await askServer(server, { path: `${path}/infer`, body: request }), answerIn);
    },
    close: () => undefined,
  };
}

function inputsIn(json: string): ReadonlyMap<string, ServedTensor> {
  const { inputs } = JSON.parse(json) as { readonly inputs: readonly V2Tensor[] };
  return new Map(
    inputs.map(({ name, datatype, shape, parameters }) => {
      const dtype = dtypeOfDatatype(datatype);
      if (dtype === undefined)
        throw new Error(`input ${JSON.stringify(name)} has the datatype ${datatype}, which is not known`);
      return [name, withColumnsOf({ dtype, shape, tensorName: name }, parameters?.columns)];
    }),
  );
}

function inputText(name: string, tensor: Tensor): string {
  const head = { name, shape: tensor.shape, datatype: DATATYPES[tensor.dtype] };
  return `${JSON.stringify(head).slice(0, -1)},"data":[${dataText(name, tensor)}]}`;
}

function dataText(name: string, tensor: Tensor): string {
  const { dtype } = tensor;
  if (dtype === 'string') return tensor.data.map((each) => JSON.stringify(textOf(name, each))).join(',');
  if (dtype === 'float16' || dtype === 'bfloat16') {
    throw new DataError(
      `input ${JSON.stringify(name)} is ${dtype}, which has no JSON in this protocol; use --protocol=grpc`,
    );
  }
  const values = [...elements(tensor)] as readonly (number | bigint)[];
  if (dtype === 'bool') return values.map((value) => value === 1).join(',');
  if (values.every((value) => typeof value === 'bigint' || Number.isFinite(value))) return values.join(',');
  throw new DataError(
    `input ${JSON.stringify(name)} has a NaN or an infinity, which JSON of this protocol has not; use --protocol=rest or grpc`,
  );
}

function textOf(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new DataError(
      `input ${JSON.stringify(name)} holds bytes that are no text, which JSON of this protocol has not; use --protocol=rest or grpc`,
    );
  }
}

function answerIn(json: string): Answer {
  const { outputs } = parseAnswer(json) as { readonly outputs: readonly V2Tensor[] };
  const values = outputs.map(({ name, shape, data = [] }) => [name, nested(data.flat(Infinity), shape)] as const);
  return answerOf(new Map(values), json);
}
