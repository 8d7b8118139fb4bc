import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BatchAxis } from '../../../src/core/signature.ts';
import { type BatchingFacts, decideBatching } from '../../../src/features/row-proofs/decide-batching.ts';
import { signatureOf } from '../../support/row-models.ts';

const ACCEPTED = { kind: 'accepted', reason: '46 runs', runs: 46 } as const;
const FIX = 'if the rows are independent, declare the batch axis in pillion.yaml';

/** Facts that say nothing against a batch; whatever must not be asked fails the test. */
function facts(changes: Partial<BatchingFacts> = {}): BatchingFacts {
  return {
    kept: async () => undefined,
    judge: async () => ({ kind: 'rows', reason: 'each op keeps rows apart' }),
    prove: async () => ACCEPTED,
    ...changes,
  };
}
const unasked = (): never => assert.fail('it must not be asked');

async function axisOf(changes: Partial<BatchingFacts>, candidate: BatchAxis = { kind: 'dynamic' }): Promise<BatchAxis> {
  return (await decideBatching(signatureOf(candidate), facts(changes))).signature.batchAxis;
}

describe('decideBatching', () => {
  it('repeats what was kept, and finds out nothing new', async () => {
    const silent = { judge: unasked, prove: unasked };
    for (const kind of ['rows', 'mixed'] as const) {
      const kept = async () => ({ kind, reason: 'as before' });
      const { signature, found } = await decideBatching(signatureOf(), facts({ ...silent, kept }));
      assert.deepEqual(signature.batchAxis, { kind: kind === 'rows' ? 'dynamic' : 'none', reason: 'as before' });
      assert.equal(found, undefined);
    }
  });

  it('believes the graph when it says no, and runs nothing', async () => {
    const reason = 'node "/attn/Softmax" takes its sum over dim 0';
    const mixed = await decideBatching(
      signatureOf(),
      facts({ judge: async () => ({ kind: 'mixed', reason }), prove: unasked }),
    );
    assert.deepEqual(mixed.signature.batchAxis, { kind: 'none', reason });
    assert.deepEqual([mixed.found, mixed.signature.hasRows], [{ kind: 'mixed', reason }, false]);
  });

  it('does not batch what the graph does not prove, and says what helps', async () => {
    const judge = async () => ({ kind: 'undecided', reason: 'no rule for Frob' }) as const;
    const { signature } = await decideBatching(signatureOf(), facts({ judge, prove: unasked }));
    const reason = 'the graph does not prove it: no rule for Frob';
    assert.deepEqual(signature.batchAxis, { kind: 'none', reason, fix: FIX });
    assert.equal(signature.hasRows, true);
  });

  it('needs the runs, too', async () => {
    assert.deepEqual(await axisOf({}), { kind: 'dynamic', reason: 'proved from the graph and by 46 runs' });
    const rejected = { kind: 'rejected', reason: 'output "y" is another', runs: 9 } as const;
    assert.deepEqual(await axisOf({ prove: async () => rejected }), { kind: 'none', reason: 'output "y" is another' });
    const undecided = { kind: 'undecided', reason: 'it refused all', runs: 9 } as const;
    assert.deepEqual(await axisOf({ prove: async () => undecided }), {
      kind: 'none',
      reason: 'runs do not prove it: it refused all',
      fix: FIX,
    });
  });

  it('asks more of the runs where there is no graph to read', async () => {
    const asked: boolean[] = [];
    const prove = async (isOnlyProof: boolean) => {
      asked.push(isOnlyProof);
      return ACCEPTED;
    };
    assert.equal((await axisOf({ judge: async () => undefined, prove })).reason, 'seen in 46 runs');
    await axisOf({ prove });
    // One row in each run: nothing can be mixed, and the graph is not asked.
    await axisOf({ judge: unasked, prove }, { kind: 'fixed', size: 1 });
    assert.deepEqual(asked, [true, false, false]);
  });

  it('serves without batches while the runs go on, and decides afterwards', async () => {
    const pending = await decideBatching(signatureOf(), facts({ prove: async () => 'running' }));
    assert.deepEqual(pending.signature.batchAxis, { kind: 'none', reason: 'the proof still runs' });
    assert.deepEqual([pending.found, pending.signature.hasRows], [undefined, true]);
    const { signature, found } = pending.afterRuns!(ACCEPTED);
    const reason = 'proved from the graph and by 46 runs';
    assert.deepEqual(
      [signature.batchAxis, found],
      [
        { kind: 'dynamic', reason },
        { kind: 'rows', reason },
      ],
    );
  });
});
