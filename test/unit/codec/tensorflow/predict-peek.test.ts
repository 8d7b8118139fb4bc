/** Which model a PredictRequest asks, by a peek: as the whole message says, or nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PredictPeek } from '../../../../src/codec/tensorflow/predict-peek.ts';
import { readPredictRequest } from '../../../../src/codec/tensorflow/predict-reader.ts';
import { encode } from '../../../support/proto-registry.ts';

const PREDICT = 'tensorflow.serving.PredictRequest';
const X = { dtype: 1, tensorShape: { dim: [{ size: 2n }] }, floatVal: [1, 2] };

const spec = fc.record({
  name: fc.string({ maxLength: 140 }),
  version: fc.option(fc.record({ value: fc.bigInt({ min: 0n, max: 2n ** 62n }) }), { nil: undefined }),
  signatureName: fc.constantFrom('', 'serving_default'),
});
const inputs = fc.dictionary(fc.string({ maxLength: 200 }), fc.constant(X), { maxKeys: 3 });

describe('PredictPeek', () => {
  it('gives the model_spec that decoding gives, or undefined', () => {
    const peek = new PredictPeek();
    let found = 0;
    fc.assert(
      fc.property(spec, inputs, fc.boolean(), (modelSpec, given, isFiltered) => {
        const filter = isFiltered ? { outputFilter: ['y'] } : {};
        const message = encode(PREDICT, { modelSpec: clean(modelSpec), inputs: given, ...filter });
        const read = peek.read(message);
        const again = peek.read(message.slice());
        assert.equal(again, read, 'an equal spec is not parsed again');
        if (read === undefined) return;
        found += 1;
        assert.ok(!isFiltered);
        assert.deepEqual({ ...read }, { ...readPredictRequest(message, 1e6).modelSpec });
      }),
      { numRuns: 500 },
    );
    assert.ok(found > 100, `${found} of 500`);
  });

  it('gives undefined for whatever else the bytes are', () => {
    const peek = new PredictPeek();
    const whole = encode(PREDICT, { modelSpec: { name: 'm' }, inputs: { x: X } });
    assert.equal(peek.read(whole)?.name, 'm');
    for (let end = 0; end < whole.length; end++) {
      const name = peek.read(whole.subarray(0, end))?.name;
      // The first 5 bytes are the spec: a whole message by themselves.
      assert.equal(name, end === 5 ? 'm' : undefined, `${end} bytes`);
    }
    assert.equal(peek.read(new Uint8Array([...whole, ...whole])), undefined, 'a second model_spec');
    assert.equal(peek.read(new Uint8Array([...whole.subarray(5), ...whole.subarray(0, 5)])), undefined, 'a late one');
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void peek.read(bytes)));
  });
});

function clean({ version, ...rest }: { version: object | undefined }): object {
  return version === undefined ? rest : { ...rest, version };
}
