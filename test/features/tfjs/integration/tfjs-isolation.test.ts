/** An example that TensorFlow cannot parse, among others in one batch, which waits until it is full. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, it } from 'node:test';
import { status as Status } from '@grpc/grpc-js';
import { callTogether } from '../../../support/call-together.ts';
import { killSidecars, startSidecar } from '../../../support/sidecar.ts';
import { FIXTURES, floatExample } from '../tfjs-models.ts';

after(killSidecars);

it('a bad tf.Example fails alone, and those beside it are answered', async () => {
  const model = `--model=half_plus_two=${FIXTURES}/half_plus_two`;
  const sidecar = await startSidecar([model, '--max_batch_size=8', '--batch_timeout_micros=60000000']);
  const examples = [1, 2, 3, 4, 5, 6, 7].map((x) => floatExample({ x: [x] }));
  const model_spec = { name: 'half_plus_two', signature_name: 'classify_x_to_y' };
  const tensor = { dtype: 'DT_STRING', tensor_shape: { dim: [{ size: 1, name: '' }] } };
  const requests = [...examples, Buffer.from('no example')].map((bytes) => ({
    model_spec,
    inputs: { inputs: { ...tensor, string_val: [bytes] } },
  }));
  const answers = await callTogether(sidecar.grpc, 'Predict', requests);
  const scores = answers.map((answer) => answer.outputs?.scores.float_val[0]);
  assert.deepEqual(scores, [2.5, 3, 3.5, 4, 4.5, 5, 5.5, undefined]);
  assert.equal(answers[7].code, Status.INVALID_ARGUMENT);
  assert.match(answers[7].details, /TensorFlow: .*parse example/);
  assert.equal(await sidecar.stop(), 0);
});
