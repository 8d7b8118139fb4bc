import assert from 'node:assert/strict';
import { it } from 'node:test';
import { modelSlots } from '../../../../src/models/loading/model-slots.ts';
import { fakeModel } from '../../../support/fake-model.ts';

it('a model has the server’s slots, but one where its backend must have a process, and its own before either', async (t) => {
  const { backendKind, versionDirectory } = fakeModel(t);
  const confined = backendKind.replace('fake-backend', 'confined-backend');
  const slots = (kind: string, hasOwnSlots: boolean) => modelSlots(kind, versionDirectory, { slots: 3, hasOwnSlots });
  assert.equal(await slots(backendKind, false), 3);
  assert.equal(await slots(confined, false), 1);
  assert.equal(await slots(confined, true), 3);
  await assert.rejects(slots('no-such-backend', false), { kind: 'load_failed', message: /no-such-backend/ });
});
