import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { elements, type NumericTensor } from '../../../../src/core/tensor.ts';
import { Servable } from '../../../../src/models/serving/servable.ts';
import { PredictionLogReplayer } from '../../../../src/proxy/records/prediction-log-replayer.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { floats, otherLog, predictLog } from '../../../support/prediction-logs.ts';
import { encode } from '../../../support/proto-registry.ts';
import { affine, FLOAT_SIGNATURE, PuppetRunner } from '../../../support/puppet-models.ts';
import { bytesField } from '../../../support/wire-fragments.ts';

function harness() {
  const runner = new PuppetRunner(affine(0.5, 2));
  const servable = new Servable('half', 7n, new Map([['serving_default', FLOAT_SIGNATURE]]), runner);
  return { runner, servable, replayer: new PredictionLogReplayer({ clock: new FakeClock(), maxTensorBytes: 1000 }) };
}

describe('a replayed record', () => {
  it('reaches the version that is to be served, whatever model it names', async () => {
    const { runner, servable, replayer } = harness();
    await replayer.replay(servable, predictLog({ name: 'another', inputs: { x: floats(1, 2) } }));
    assert.deepEqual([...elements(runner.requests[0]!.inputs.get('x') as NumericTensor)], [1, 2]);
  });

  it('need not name a model at all', async () => {
    const { runner, servable, replayer } = harness();
    const request = encode('tensorflow.serving.PredictRequest', { inputs: { x: floats(1) } });
    await replayer.replay(servable, bytesField(6, bytesField(1, request)));
    assert.equal(runner.requests.length, 1);
  });

  it('gives the version back: unloading waits for nobody', async () => {
    const { runner, servable, replayer } = harness();
    await replayer.replay(servable, predictLog({ inputs: { x: floats(1) } }));
    await servable.unload();
    assert.equal(runner.isClosed, true);
  });

  it('of no request is passed over', async () => {
    const { runner, servable, replayer } = harness();
    await replayer.replay(servable, Buffer.alloc(0));
    await replayer.check(servable, Buffer.alloc(0));
    assert.equal(runner.requests.length, 0);
  });

  it('of a kind that cannot be replayed says which, and by which field', async () => {
    const { servable, replayer } = harness();
    await assert.rejects(
      replayer.replay(servable, otherLog('predictStreamedLog')),
      (error) => error instanceof ServingError && error.kind === 'unsupported' && /field 7/.test(error.message),
    );
    await assert.rejects(replayer.replay(servable, bytesField(5, '')), /session_run_log \(field 5/);
  });

  it('that the model refuses rejects with the reason', async () => {
    const { servable, replayer } = harness();
    await assert.rejects(replayer.replay(servable, predictLog({ inputs: { z: floats(1) } })), /wants the inputs "?x"?/);
    const unknown = predictLog({ signatureName: 'other', inputs: { x: floats(1) } });
    await assert.rejects(replayer.replay(servable, unknown), /has no signature "other"/);
    await assert.rejects(replayer.replay(servable, Buffer.from('no protobuf')), /not valid protobuf/);
  });
});

describe('a golden record', () => {
  it('passes when the answer is the recorded one', async () => {
    const { servable, replayer } = harness();
    await replayer.check(servable, predictLog({ inputs: { x: floats(1, 2) }, outputs: { y: floats(2.5, 3) } }));
  });

  it('fails naming output, element and both values when it is not', async () => {
    const { servable, replayer } = harness();
    const wrong = predictLog({ inputs: { x: floats(1, 2) }, outputs: { y: floats(2.5, 4) } });
    await assert.rejects(replayer.check(servable, wrong), /output "y" differs at \[1\]: 3, but 4 was recorded/);
  });

  it('without an answer is no golden record', async () => {
    const { servable, replayer } = harness();
    await assert.rejects(
      replayer.check(servable, predictLog({ inputs: { x: floats(1) } })),
      /no answer to compare with/,
    );
  });
});
