import assert from 'node:assert/strict';
import { InferPrinter } from '../../../src/codec/open-inference/rest/infer-answer-writer.ts';
import { InferBodyReader } from '../../../src/codec/open-inference/rest/infer-body-reader.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { elementCount } from '../../../src/core/shape.ts';
import { type FuzzTarget, orRefusal } from '../fuzz-target.ts';

const MAX_TENSOR_BYTES = 64 * 1024;
const reader = new InferBodyReader();
const printer = new InferPrinter();

/** The first byte of an input says where the JSON ends: 0 = the whole body is JSON, else behind so many bytes. */
const WHOLE = '\0';

/** One input whose data stands behind 100 bytes of JSON. */
function behindJson(datatype: string, data: string): string {
  const input = `{"name":"x","shape":[1],"datatype":"${datatype}","parameters":{"binary_data_size":${data.length}}}`;
  return `d${`{"inputs":[${input}]}`.padEnd(100)}${data}`;
}

export const target: FuzzTarget = {
  says: 'Infer bodies of the Open Inference Protocol over REST, with tensors behind the JSON or without; what is read can be written as an answer and be read again',
  maxBytes: 512,
  words: [
    '{"inputs":[',
    '"name":"x"',
    '"shape":[',
    '"datatype":"',
    '"data":[',
    '"parameters":{',
    '"binary_data_size":',
    '"outputs":[',
    '"id":"',
    ...['BOOL', 'UINT8', 'INT64', 'FP16', 'FP32', 'FP64', 'BYTES'],
    'NaN',
    '-Infinity',
    '18446744073709551615',
    '\\u0041',
    'true',
    'null',
  ],
  seeds: [
    `${WHOLE}{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[[1,2.5]]}]}`,
    `${WHOLE}{"id":"a","inputs":[{"name":"x","shape":[2],"datatype":"BYTES","data":["a",{"b64":"YQ=="}]}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}`,
    `${WHOLE}{"parameters":{"timeout":5},"inputs":[{"data":[1,-2],"datatype":"INT64","shape":[2],"name":"x"}]}`,
    behindJson('FP32', '\0\0\0\0'),
    behindJson('BYTES', '\u0001\0\0\0a'),
  ],
  run(bytes) {
    const first = bytes[0] ?? 0;
    const body = bytes.subarray(1);
    const jsonBytes = first === 0 ? undefined : Math.min(first, body.length);
    const read = orRefusal(() => reader.read(body, jsonBytes, MAX_TENSOR_BYTES));
    if (read instanceof ServingError) return;
    const outputs = [...read.inputs].map(([name, tensor]) => ({ name, tensor, isBinary: tensor.dtype.endsWith('16') }));
    for (const { tensor } of outputs) assert.ok(elementCount(tensor.shape) <= body.length);
    const answer = printer.print({ id: read.id, model: 'm', version: '1', outputs });
    const json = answer.json.toString('utf8');
    // NaN, infinities, bytes that are no UTF-8, and b64 are taken, but are not what JSON.parse knows or gives back.
    if (/NaN|Infinity|\ufffd/.test(json)) return;
    const { outputs: printed } = JSON.parse(json) as { outputs: { name: string; shape: number[] }[] };
    assert.deepEqual(
      printed.map(({ name, shape }) => [name, shape]),
      outputs.map(({ name, tensor }) => [name, [...tensor.shape]]),
    );
  },
};
