/**
 * ModelInferRequest bytes ↔ tensors: every form of the same tensors reads the same, what one side writes the other
 * reads, and no bytes do worse than a refusal.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { DATATYPES } from '../../src/codec/open-inference/datatypes.ts';
import { NO_PARAMETERS } from '../../src/codec/open-inference/infer-request.ts';
import { InferLayouts, readInferRequest } from '../../src/codec/open-inference/infer-request-reader.ts';
import { inferResponse } from '../../src/codec/open-inference/infer-response-writer.ts';
import { readInferResponse, writeInferRequest } from '../../src/codec/open-inference/open-inference-messages.ts';
import { decodeCost, INFER_WALK } from '../../src/codec/tensorflow/decode-cost.ts';
import { ServingError } from '../../src/core/errors.ts';
import { atOnce } from '../../src/core/in-slices.ts';
import { elements, type Tensor, type TensorMap } from '../../src/core/tensor.ts';
import { decode, encode, type Fields } from '../support/proto-registry.ts';
import { anyTensor, describeTensor } from '../support/tensor-arbitrary.ts';

const LIMIT = 1 << 20;

const anyTensors: fc.Arbitrary<TensorMap> = fc
  .uniqueArray(fc.tuple(fc.string({ maxLength: 5 }), anyTensor), { maxLength: 4, selector: ([name]) => name })
  .map((entries) => new Map(entries));

const described = (tensors: TensorMap): unknown => [...tensors].map(([name, tensor]) => [name, describeTensor(tensor)]);

/** The field of typed contents, as proto/ names it; none for 16-bit floats. */
const CONTENTS: Readonly<Partial<Record<Tensor['dtype'], string>>> = {
  bool: 'boolContents',
  int8: 'intContents',
  int16: 'intContents',
  int32: 'intContents',
  int64: 'int64Contents',
  uint8: 'uintContents',
  uint16: 'uintContents',
  uint32: 'uintContents',
  uint64: 'uint64Contents',
  float32: 'fp32Contents',
  float64: 'fp64Contents',
  string: 'bytesContents',
};

function typedValues(tensor: Tensor): unknown[] {
  if (tensor.dtype === 'string') return [...tensor.data];
  const values: unknown[] = [...elements(tensor)];
  return tensor.dtype === 'bool' ? values.map(Boolean) : values;
}

function rawBytes(tensor: Tensor): Buffer {
  if (tensor.dtype !== 'string') return Buffer.from(tensor.data);
  return Buffer.concat(tensor.data.flatMap((s) => [Buffer.from(Uint32Array.of(s.length).buffer), Buffer.from(s)]));
}

function request(tensors: TensorMap, isRaw: boolean): Uint8Array {
  const inputs = [...tensors].map(([name, tensor]) => ({
    ...{ name, datatype: DATATYPES[tensor.dtype], shape: tensor.shape.map(BigInt) },
    ...(!isRaw && { contents: { [CONTENTS[tensor.dtype]!]: typedValues(tensor) } }),
  }));
  const raw = isRaw ? { rawInputContents: [...tensors.values()].map(rawBytes) } : {};
  return encode('inference.ModelInferRequest', { modelName: 'm', inputs, ...raw });
}

test('raw contents read as they were, whatever the dtype', () => {
  fc.assert(
    fc.property(anyTensors, (tensors) => {
      const { inputs } = readInferRequest(request(tensors, true), LIMIT);
      assert.deepEqual(described(inputs), described(tensors));
    }),
  );
});

test('typed contents read as raw ones', () => {
  const typed = anyTensors.filter((tensors) =>
    [...tensors.values()].every(({ dtype }) => CONTENTS[dtype] !== undefined),
  );
  fc.assert(
    fc.property(typed, (tensors) => {
      const { inputs } = readInferRequest(request(tensors, false), LIMIT);
      // A float NaN keeps its bits in raw contents alone: the other codec here makes numbers of them.
      const wanted = readInferRequest(request(tensors, true), LIMIT).inputs;
      for (const [name, tensor] of wanted) {
        const got = inputs.get(name)!;
        assert.deepEqual([got.dtype, got.shape], [tensor.dtype, tensor.shape]);
        assert.deepEqual(typedValues(got), typedValues(tensor));
      }
    }),
  );
});

test('what the client half writes, the server half reads, and the other way round', () => {
  fc.assert(
    fc.property(anyTensors, fc.array(fc.string({ maxLength: 5 }), { maxLength: 3 }), (tensors, names) => {
      const read = readInferRequest(writeInferRequest({ name: 'm', version: '7' }, tensors, names), LIMIT);
      assert.deepEqual([read.modelName, read.modelVersion], ['m', '7']);
      assert.deepEqual(described(read.inputs), described(tensors));
      assert.deepEqual(
        read.outputs.map(({ name }) => name),
        names,
      );
      const answer = { modelName: 'm', modelVersion: '7', id: 'r', parameters: NO_PARAMETERS };
      const bytes = atOnce(inferResponse(answer, tensors, { room: 0, isStreamed: false }));
      assert.deepEqual(described(readInferResponse(bytes)), described(tensors));
    }),
  );
});

test('an answer is one that another codec reads, of the measured length', () => {
  fc.assert(
    fc.property(anyTensors, fc.string(), fc.nat({ max: 9 }), fc.boolean(), (tensors, id, room, isStreamed) => {
      const answer = { modelName: 'm', modelVersion: '1', id, parameters: new Map([['p', 1n]]) };
      const bytes = atOnce(inferResponse(answer, tensors, { room, isStreamed })).subarray(room);
      const whole = decode(`inference.Model${isStreamed ? 'StreamInfer' : 'Infer'}Response`, bytes);
      const fields = (isStreamed ? whole['inferResponse'] : whole) as Fields;
      const heads = (fields['outputs'] as Fields[]).map(({ name, datatype, shape }) => [name, datatype, shape]);
      const wanted = [...tensors].map(([name, { dtype, shape }]) => [name, DATATYPES[dtype], shape.map(BigInt)]);
      assert.deepEqual(heads, wanted);
      assert.deepEqual(
        (fields['rawOutputContents'] as Uint8Array[]).map((each) => Buffer.from(each)),
        [...tensors.values()].map(rawBytes),
      );
    }),
  );
});

test('a message with some bytes changed is read or refused, and nothing else', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(anyTensors, fc.boolean(), changes, (tensors, isRaw, changed) => {
      const isTyped = [...tensors.values()].every(({ dtype }) => CONTENTS[dtype] !== undefined);
      const message = request(tensors, isRaw || !isTyped);
      for (const [at, byte] of changed) message[at % message.length] = byte;
      decodeCost(message, INFER_WALK, LIMIT);
      try {
        readInferRequest(message, LIMIT);
      } catch (error) {
        assert.ok(error instanceof ServingError, String(error));
        assert.notEqual(error.kind, 'internal');
      }
    }),
    { numRuns: 500 },
  );
});

/** What is read, or the words with which it is refused. */
function outcome(message: Uint8Array, known?: InferLayouts): unknown {
  try {
    const { inputs, ...rest } = readInferRequest(message, LIMIT, known);
    return { ...rest, inputs: described(inputs) };
  } catch (error) {
    assert.ok(error instanceof ServingError, String(error));
    return error.message;
  }
}

test('a request like the one before reads as if nothing had come before', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 });
  fc.assert(
    fc.property(anyTensors, fc.boolean(), changes, fc.nat({ max: 8 }), (tensors, isRaw, changed, offset) => {
      const isTyped = [...tensors.values()].every(({ dtype }) => CONTENTS[dtype] !== undefined);
      const whole = request(tensors, isRaw || !isTyped);
      const learned = new InferLayouts();
      // As the engine has messages: somewhere in memory that others use too.
      const message = new Uint8Array(offset + whole.length).subarray(offset);
      message.set(whole);
      outcome(message, learned);
      for (const [at, byte] of changed) message[at % message.length] = byte;
      assert.deepEqual(outcome(message, learned), outcome(message));
    }),
    { numRuns: 3000 },
  );
});
