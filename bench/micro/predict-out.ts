/**
 * A tensor of floats as a model gives it → PredictResponse bytes with float_val, which is what every client reads.
 */
import assert from 'node:assert/strict';
import { create, toBinary } from '@bufbuild/protobuf';
import { writePredictResponse } from '../../src/codec/tensorflow/predict-writer.ts';
import { numericTensor } from '../../src/core/tensor.ts';
import { type Comparison, runSubject } from './interleave.ts';
import { decode, messageType, predictMethod, protobufjsType, RESPONSE } from './protobuf-libraries.ts';

const DT_FLOAT = 1;
const SPEC = { name: 'm', version: 3n, signatureName: 'serving_default' };

const es = messageType(RESPONSE);
const js = protobufjsType(RESPONSE);

interface Decoded {
  readonly modelSpec: { readonly name: string };
  readonly outputs: {
    readonly y: { readonly tensorShape: { readonly dim: { readonly size: bigint }[] }; readonly floatVal: number[] };
  };
}

function comparison(count: number): Comparison {
  const floats = Float32Array.from({ length: count }, (_, i) => Math.sin(i));
  const outputs = new Map([['y', numericTensor('float32', [1, count], floats)]]);
  return {
    title: `${count} floats`,
    contestants: {
      Pillion: () => writePredictResponse(SPEC, outputs, false),
      protobufjs: () => {
        // It reads typed arrays as they are.
        const y = { dtype: DT_FLOAT, tensorShape: { dim: [{ size: 1 }, { size: count }] }, floatVal: floats };
        const { name, version, signatureName } = SPEC;
        const modelSpec = { name, version: { value: Number(version) }, signatureName };
        return js.encode({ modelSpec, outputs: { y } } as never).finish();
      },
      '@grpc/proto-loader': () => {
        const shape = { dim: [{ size: 1 }, { size: count }] };
        const y = { dtype: 'DT_FLOAT', tensor_shape: shape, float_val: Array.from(floats) };
        const { name, version, signatureName } = SPEC;
        const modelSpec = { name, version: { value: String(version) }, signature_name: signatureName };
        return predictMethod.responseSerialize({ model_spec: modelSpec, outputs: { y } });
      },
      '@bufbuild/protobuf': () => {
        const dim = [{ size: 1n }, { size: BigInt(count) }];
        const y = { dtype: DT_FLOAT, tensorShape: { dim }, floatVal: Array.from(floats) };
        const { name, version, signatureName } = SPEC;
        const versionChoice = { case: 'version', value: { value: version } };
        return toBinary(es, create(es, { modelSpec: { name, versionChoice, signatureName }, outputs: { y } } as never));
      },
    },
    check: (call) => {
      const { modelSpec, outputs: read } = decode(RESPONSE, call() as Uint8Array) as unknown as Decoded;
      assert.equal(modelSpec.name, SPEC.name);
      assert.deepEqual(
        read.y.tensorShape.dim.map(({ size }) => size),
        [1n, BigInt(count)],
      );
      assert.deepEqual(Float32Array.from(read.y.floatVal), floats);
    },
  };
}

await runSubject([comparison(10), comparison(1000)]);
