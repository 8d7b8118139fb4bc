/**
 * Infer bodies and answers of the Open Inference Protocol over REST: whatever is written is read back to the bit, in
 * JSON and behind it; a body that is cut at any byte, or damaged, is refused and nothing else.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { DATATYPES } from '../../src/codec/open-inference/datatypes.ts';
import { binaryBytes } from '../../src/codec/open-inference/rest/binary-tensors.ts';
import { InferPrinter, wholeAnswer } from '../../src/codec/open-inference/rest/infer-answer-writer.ts';
import { InferBodyReader } from '../../src/codec/open-inference/rest/infer-body-reader.ts';
import { ServingError } from '../../src/core/errors.ts';
import { elements, type Tensor } from '../../src/core/tensor.ts';
import { anyTensor, describeTensor } from '../support/tensor-arbitrary.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const reader = new InferBodyReader();
const printer = new InferPrinter();

interface Sent {
  readonly tensor: Tensor;
  readonly isBinary: boolean;
}

/** FP16 and BF16 have no JSON form, and JSON's strings are text here. */
function hasJson({ dtype }: Tensor): boolean {
  return dtype !== 'float16' && dtype !== 'bfloat16' && dtype !== 'string';
}

const sent = fc
  .tuple(anyTensor, fc.boolean())
  .map(([tensor, wish]) => ({ tensor, isBinary: wish || !hasJson(tensor) }));
const several = fc.array(sent, { minLength: 1, maxLength: 4 });

function numberText(value: number | bigint): string {
  return Object.is(value, -0) ? '-0.0' : String(value);
}

function dataOf(tensor: Tensor): string {
  if (tensor.dtype === 'string') return JSON.stringify(tensor.data.map((bytes) => Buffer.from(bytes).toString('utf8')));
  const values = [...elements(tensor)] as (number | bigint)[];
  if (tensor.dtype === 'bool') return `[${values.map((value) => value !== 0).join(',')}]`;
  return `[${values.map(numberText).join(',')}]`;
}

function bodyOf(tensors: readonly Sent[]): { readonly body: Buffer; readonly jsonBytes: number } {
  const heads = tensors.map(({ tensor, isBinary }, i) => {
    const data = isBinary
      ? `"parameters":{"binary_data_size":${binaryBytes(tensor).byteLength}}`
      : `"data":${dataOf(tensor)}`;
    return `{"name":"t${i}","shape":${JSON.stringify(tensor.shape)},"datatype":"${DATATYPES[tensor.dtype]}",${data}}`;
  });
  const json = Buffer.from(`{"inputs":[${heads.join(',')}]}`);
  const tail = tensors.filter(({ isBinary }) => isBinary).map(({ tensor }) => binaryBytes(tensor));
  return { body: Buffer.concat([json, ...tail]), jsonBytes: json.length };
}

/** NaN has one form in JSON: its bits are not kept there. */
function described(tensor: Tensor, isBinary: boolean): unknown {
  if (isBinary || tensor.dtype === 'string' || !tensor.dtype.startsWith('float')) return describeTensor(tensor);
  return { shape: [...tensor.shape], values: [...elements(tensor)] };
}

function refusedOrRead(body: Buffer, jsonBytes: number | undefined): boolean {
  try {
    reader.read(body, jsonBytes, MAX_BYTES);
    return false;
  } catch (error) {
    assert.ok(error instanceof ServingError && error.kind !== 'internal', String(error));
    return true;
  }
}

test('tensors in JSON and behind it are read to the bit', () => {
  fc.assert(
    fc.property(several, (tensors) => {
      const { body, jsonBytes } = bodyOf(tensors);
      const { inputs } = reader.read(body, jsonBytes, MAX_BYTES);
      tensors.forEach(({ tensor, isBinary }, i) => {
        assert.deepEqual(described(inputs.get(`t${i}`)!, isBinary), described(tensor, isBinary));
      });
    }),
    { numRuns: 1000 },
  );
});

test('an answer says what its outputs are, to the bit', () => {
  fc.assert(
    fc.property(several, fc.string(), (tensors, id) => {
      const outputs = tensors.map((one, i) => ({ name: `t${i}`, ...one }));
      const printed = printer.print({ id, model: 'm', version: '3', outputs });
      const { json } = printed;
      const bytes = wholeAnswer(printed);
      // An answer's outputs have the form of a request's inputs.
      const asRequest = Buffer.from(json.toString('utf8').replace('"outputs":', '"inputs":'));
      const body = Buffer.concat([asRequest, bytes.subarray(json.length)]);
      const read = reader.read(body, asRequest.length, MAX_BYTES);
      assert.equal(read.id, id);
      outputs.forEach(({ name, tensor, isBinary }) => {
        assert.deepEqual(described(read.inputs.get(name)!, isBinary), described(tensor, isBinary));
      });
    }),
    { numRuns: 1000 },
  );
});

test('a body that ends too early is refused, at each byte', () => {
  fc.assert(
    fc.property(several, (tensors) => {
      const { body, jsonBytes } = bodyOf(tensors);
      for (let length = 0; length < body.length; length++) {
        const cut = body.subarray(0, length);
        assert.ok(refusedOrRead(cut, Math.min(jsonBytes, length)), `${length} of ${body.length}`);
      }
    }),
    { numRuns: 60 },
  );
});

test('a damaged body, or a wrong length of its JSON, is read or refused', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 });
  fc.assert(
    fc.property(several, damage, fc.option(fc.nat({ max: 400 })), (tensors, changes, length) => {
      const { body, jsonBytes } = bodyOf(tensors);
      for (const [at, byte] of changes) body[at % body.length] = byte;
      refusedOrRead(body, Math.min(length ?? jsonBytes, body.length));
      refusedOrRead(body, undefined);
    }),
    { numRuns: 2000 },
  );
});

test('any JSON is read or refused', () => {
  const scalar = fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.double(), fc.constantFrom('FP32', 'x', ''));
  const value = fc.letrec<{ any: unknown }>((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      scalar,
      fc.array(tie('any'), { maxLength: 4 }),
      fc.dictionary(
        fc.constantFrom('inputs', 'outputs', 'name', 'shape', 'datatype', 'data', 'parameters', 'id'),
        tie('any'),
      ),
    ),
  })).any;
  fc.assert(
    fc.property(value, (inputs) => {
      refusedOrRead(Buffer.from(JSON.stringify({ inputs }) ?? ''), undefined);
    }),
    { numRuns: 1000 },
  );
});
