import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Backend, Session } from '../../../src/backends/backend.ts';
import { loadOptionsOf } from '../../../src/backends/load-options.ts';
import { loadSession } from '../../../src/backends/load-session.ts';
import type { ServingError } from '../../../src/core/errors.ts';

const OPTIONS = loadOptionsOf({ intraOpThreads: 1, executionProvider: 'cpu' });
const SPEC = { dtype: 'float32', shape: [-1], tensorName: 'x' };
const SIGNATURE = {
  methodName: 'tensorflow/serving/predict',
  batchAxis: { kind: 'dynamic' },
  inputs: new Map<string, unknown>([['x', SPEC]]),
  outputs: new Map<string, unknown>([['y', { ...SPEC, shape: undefined }]]),
};

function load(session: unknown): Promise<Session> {
  const backend: Backend = { kind: 'mine', probe: async () => true, load: async () => session as Session };
  return loadSession(backend, '/models/m/1', OPTIONS);
}

function sessionWith(signature: object): object {
  return { signatures: new Map([['s', signature]]), run: async () => new Map(), close: async () => undefined };
}

it('resolves with a session that has what it must have', async () => {
  const session = sessionWith(SIGNATURE);
  assert.equal(await load(session), session);
  const fixed = sessionWith({ ...SIGNATURE, batchAxis: { kind: 'fixed', size: 4 } });
  assert.equal(await load(fixed), fixed);
});

it('says which part of a session is missing or wrong', async () => {
  const inputs = (spec: unknown) => sessionWith({ ...SIGNATURE, inputs: new Map([['x', spec]]) });
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /load\(\) resolves with no session/],
    [{ signatures: new Map() }, /no run\(\) and close\(\)/],
    [{ ...sessionWith(SIGNATURE), signatures: { s: SIGNATURE } }, /signatures of its session are no Map/],
    [{ ...sessionWith(SIGNATURE), signatures: new Map([['s', null]]) }, /signature "s" is no object/],
    [sessionWith({ ...SIGNATURE, methodName: undefined }), /no methodName; use "tensorflow\/serving\/predict"/],
    [sessionWith({ ...SIGNATURE, batchAxis: undefined }), /no batchAxis of the kind dynamic, fixed or none/],
    [sessionWith({ ...SIGNATURE, batchAxis: { kind: 'fixed' } }), /a fixed batchAxis without its size/],
    [sessionWith({ ...SIGNATURE, outputs: { y: SPEC } }), /has outputs that are no Map/],
    [inputs(undefined), /says of "x" in its inputs nothing/],
    [inputs({ ...SPEC, dtype: 'float' }), /the dtype "float"; known are float32, /],
    [inputs({ ...SPEC, tensorName: undefined }), /no tensorName/],
    [inputs({ ...SPEC, shape: [null] }), /the shape \[null\]; it is a list of numbers/],
    [inputs({ ...SPEC, shape: [-2] }), /the shape \[-2\]/],
  ];
  for (const [session, text] of cases) {
    await assert.rejects(load(session), (error: ServingError) => {
      assert.equal(error.kind, 'load_failed');
      assert.match(
        error.message,
        /^"\/models\/m\/1": backend "mine" has a bug: .*; see docs\/how-to\/add-a-backend\.md$/,
      );
      assert.match(error.message, text);
      return true;
    });
  }
});
