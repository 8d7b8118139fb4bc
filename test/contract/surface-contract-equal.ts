/** The same numbers by every way in give the same numbers by every way out. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasFeature } from '../support/has-feature.ts';
import { decode, encode, type Fields } from '../support/proto-registry.ts';
import {
  nested,
  outputOf,
  predict,
  predictMessage,
  protoHead,
  type SurfaceTensor,
  TF_DTYPES,
  tensor,
} from '../support/surface-request.ts';
import type { SurfaceClients } from './surface-contract.ts';
import type { Arena } from './surface-contract-arena.ts';

const MODEL_INFER = '/inference.GRPCInferenceService/ModelInfer';

const floatRows = fc
  .array(fc.tuple(anyFloat(), anyFloat(), anyFloat(), anyFloat()), { minLength: 1, maxLength: 20 })
  .map((rows) => tensor('float32', [rows.length, 4], rows.flat()));

const int64Rows = fc
  .array(fc.tuple(anyInt64(), anyInt64()), { minLength: 1, maxLength: 20 })
  .map((rows) => tensor('int64', [rows.length, 2], rows.flat()));

function anyFloat(): fc.Arbitrary<number> {
  return fc.float();
}

function anyInt64(): fc.Arbitrary<bigint> {
  return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
}

function contentOf({ dtype, values }: SurfaceTensor): Buffer {
  if (dtype === 'int64') return Buffer.from(BigInt64Array.from(values as bigint[]).buffer);
  return Buffer.from(Float32Array.from(values as number[]).buffer);
}

/** The numbers of a REST answer, as its text has them. */
function numbersOf(body: Buffer, key: string): string[] {
  const text = body.toString();
  assert.ok(text.startsWith(`{"${key}":[[`) && text.endsWith(']]}'), text);
  return text.slice(`{"${key}":`.length, -1).replace(/[[\]]/g, '').split(',');
}

const DATATYPES: Readonly<Record<string, string>> = { float32: 'FP32', int64: 'INT64' };
const LENGTH = 'inference-header-content-length';

/** An infer body of the Open Inference Protocol without its end; `data`: the values, or the parameter with their size. */
function inferBody({ dtype, shape }: SurfaceTensor, data: string): string {
  return `{"inputs":[{"name":"x","shape":[${shape}],"datatype":"${DATATYPES[dtype]}",${data}}]`;
}

/** The numbers of an infer answer in JSON, as its text has them. */
function inferNumbersOf(body: Buffer): string[] {
  return /"data":\[(.*)\]\}\]\}$/.exec(body.toString())![1]!.split(',');
}

/** The numbers behind the JSON of an infer answer. */
function tailOf({ dtype, values }: SurfaceTensor, body: Buffer): unknown[] {
  const bytes = Uint8Array.prototype.slice.call(body, body.length - values.length * (dtype === 'int64' ? 8 : 4));
  return [...(dtype === 'int64' ? new BigInt64Array(bytes.buffer) : new Float32Array(bytes.buffer))];
}

async function answers(arena: Arena, model: string, x: SurfaceTensor): Promise<unknown[][]> {
  const own = await answersOfPredict(arena, model, x);
  return hasFeature('open-inference') ? [...own, ...(await answersOfInfer(arena, model, x))] : own;
}

async function answersOfPredict({ clients }: Arena, model: string, x: SurfaceTensor): Promise<unknown[][]> {
  const path = `/v1/models/${model}:predict`;
  const [number] = TF_DTYPES[x.dtype];
  const content = predictMessage(model, { x: { ...protoHead(number, x.shape), tensorContent: contentOf(x) } });
  const row = await clients.rest.send({ path, body: `{"instances":${nested(x)}}` });
  const columnar = await clients.rest.send({ path, body: `{"inputs":${nested(x)}}` });
  const typed = await clients.grpc.send(predict({ model, inputs: { x } }).grpc);
  const packed = await clients.grpc.send({ message: content });
  const read = (text: string): unknown => (x.dtype === 'int64' ? BigInt(text) : Math.fround(Number(text)));
  return [
    numbersOf(row.body, 'predictions').map(read),
    numbersOf(columnar.body, 'outputs').map(read),
    outputOf(typed.body).values,
    outputOf(packed.body).values,
  ];
}

async function answersOfInfer({ clients }: Arena, model: string, x: SurfaceTensor): Promise<unknown[][]> {
  const path = `/v2/models/${model}/infer`;
  const json = await clients.rest.send({ path: path, body: `${inferBody(x, `"data":${nested(x)}`)}}` });
  const size = contentOf(x).length;
  const wish = ',"parameters":{"binary_data_output":true}}';
  const head = inferBody(x, `"parameters":{"binary_data_size":${size}}`) + wish;
  const binary = await clients.rest.send({
    path: path,
    body: Buffer.concat([Buffer.from(head), contentOf(x)]),
    headers: [`${LENGTH}: ${head.length}`],
  });
  const { raw, contents } = await inferAnswers(clients, model, x, contentOf(x));
  const read = (text: string): unknown => (x.dtype === 'int64' ? BigInt(text) : Math.fround(Number(text)));
  return [inferNumbersOf(json.body).map(read), tailOf(x, binary.body), raw, contents];
}

/** By ModelInfer of the Open Inference Protocol, raw and typed; it answers raw. */
async function inferAnswers({ grpc }: SurfaceClients, model: string, x: SurfaceTensor, content: Uint8Array) {
  const isFloat = x.dtype === 'float32';
  const head = { name: 'x', datatype: isFloat ? 'FP32' : 'INT64', shape: x.shape.map(BigInt) };
  const send = async (inputs: Fields, rest: Fields = {}): Promise<unknown[]> => {
    const message = encode('inference.ModelInferRequest', { modelName: model, inputs: [inputs], ...rest });
    const { body } = await grpc.send({ path: MODEL_INFER, message });
    const [bytes] = decode('inference.ModelInferResponse', body)['rawOutputContents'] as Uint8Array[];
    const { buffer } = Uint8Array.from(bytes!);
    return [...(isFloat ? new Float32Array(buffer) : new BigInt64Array(buffer))];
  };
  return {
    raw: await send(head, { rawInputContents: [content] }),
    contents: await send({ ...head, contents: { [isFloat ? 'fp32Contents' : 'int64Contents']: [...x.values] } }),
  };
}

export function describeEquivalence(arena: () => Arena): void {
  for (const [model, rows, expected] of [
    ['float', floatRows, (x: SurfaceTensor) => x.values],
    ['affine', floatRows, (x: SurfaceTensor) => x.values.map((v) => Math.fround(Math.fround(2 * Number(v)) + 1))],
    ['int64', int64Rows, (x: SurfaceTensor) => x.values],
  ] as const) {
    test(`${model}: rows, columns, typed values, tensor_content and Open Inference give the same`, () =>
      fc.assert(
        fc.asyncProperty(rows, async (x: SurfaceTensor) => {
          for (const got of await answers(arena(), model, x)) assert.deepStrictEqual(got, expected(x));
        }),
        { numRuns: 40 },
      ));
  }
}
