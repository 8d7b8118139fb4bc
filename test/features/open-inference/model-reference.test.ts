import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { modelSpecOf } from '../../../src/features/open-inference/exported/model-reference.ts';

describe('a model by name and version', () => {
  it('is the server’s choice, a number, or a label', () => {
    assert.deepEqual(modelSpecOf('m', ''), { name: 'm' });
    assert.deepEqual(modelSpecOf('m', '0'), { name: 'm', version: 0n });
    assert.deepEqual(modelSpecOf('m', '007'), { name: 'm', version: 7n });
    assert.deepEqual(modelSpecOf('m', '9223372036854775807'), { name: 'm', version: 2n ** 63n - 1n });
    for (const label of ['stable', 'v10', '-1', '1.0', ' 1']) {
      assert.deepEqual(modelSpecOf('m', label), { name: 'm', label });
    }
  });

  it('has a name, and a version that a number can be', () => {
    assert.throws(
      () => modelSpecOf('', '1'),
      /Request for unknown model: '' is not found; the name is empty: send that of a served model/,
    );
    assert.throws(
      () => modelSpecOf('m', '9223372036854775808'),
      /version 9223372036854775808 is too large; versions end/,
    );
    const digits = '9'.repeat(1000);
    assert.throws(() => modelSpecOf('m', digits), /^ServingError: version 9{40} is too large/);
  });
});
