import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Signature, Signatures } from '../../../../src/core/signature.ts';
import type { Fault, Suspect } from '../../../../src/features/row-proofs/audit/judge-run.ts';
import { ServedSharing } from '../../../../src/features/row-proofs/audit/served-sharing.ts';
import { PADDED_SIGNATURE } from '../../../support/length-models.ts';
import { signatureOf } from '../../../support/row-models.ts';

const SUSPECT: Suspect = { output: 'y', share: 0.12, size: 8, shapes: 'x [1,4]', companion: 'x [1,4]' };
const REASON =
  'answers of shared runs differed from those of the same rows alone: output "y" of a row differed by 12 % of its ' +
  'largest number in a run of 8 rows';

function setUp(signature: Signature, isDeclared = false) {
  const done: unknown[] = [];
  const signatures: Signatures = new Map([['s', signature]]);
  const disproofs = new Map<string, string>();
  const sharing = new ServedSharing(
    { signatures, declared: isDeclared ? signatures : new Map() },
    {
      proofs: { disproofs, refusePadding: (name, _, reason) => void done.push(['padding off', name, reason]) },
      kept: {
        keep: async (name, outcome) => void done.push(['kept', name, outcome.kind, outcome.reason]),
      },
      onDisproved: (name, reason) => void done.push(['disproved', name, reason]),
    },
  );
  const replaced: Signature[] = [];
  sharing.serve(async (changed) => void replaced.push(...changed.values()));
  const refute = (fault: Fault) => sharing.refute('s', fault, SUSPECT);
  return { sharing, done, disproofs, replaced, refute };
}

describe('sharing that an audit has refuted', () => {
  it('ends at once, is kept, and does not come back', () => {
    const { sharing, done, replaced, refute } = setUp(PADDED_SIGNATURE);
    assert.equal(refute('rows'), 'apart');
    assert.deepEqual(done, [['kept', 's', 'mixed', REASON]]);
    assert.deepEqual([replaced[0]!.batchAxis.kind, replaced[0]!.batchAxis.reason], ['none', REASON]);
    assert.equal(replaced[0]!.padding, undefined);
    // A proof of its padding ends only now.
    assert.equal(sharing.allowed(new Map([['s', PADDED_SIGNATURE]])).size, 0);
    assert.equal(sharing.allowed(new Map([['other', PADDED_SIGNATURE]])).size, 1);
  });

  it('ends for rows of other lengths alone where only padding is at fault', () => {
    for (const isDeclared of [false, true]) {
      const { done, replaced, refute } = setUp(PADDED_SIGNATURE, isDeclared);
      assert.equal(refute('padding'), 'unpadded');
      assert.deepEqual([replaced[0]!.batchAxis, replaced[0]!.padding], [PADDED_SIGNATURE.batchAxis, undefined]);
      assert.deepEqual(done, [['padding off', 's', REASON]]);
    }
  });

  it('ends altogether where either may be at fault, but for a declared batch axis', () => {
    assert.equal(setUp(PADDED_SIGNATURE).refute('either'), 'apart');
    const declared = setUp(PADDED_SIGNATURE, true);
    assert.equal(declared.refute('either'), 'unpadded');
    assert.equal(declared.refute('either'), 'obeyed');
  });

  it('goes on where the owner declares the batch axis, which is shown as wrong', () => {
    const { done, disproofs, replaced, refute } = setUp(signatureOf(), true);
    assert.equal(refute('rows'), 'obeyed');
    assert.deepEqual([...disproofs], [['s', REASON]]);
    assert.deepEqual(done, [['disproved', 's', REASON]]);
    assert.deepEqual(replaced, []);
  });

  it('is that of signatures which a proof has put in place', () => {
    const { sharing, replaced, refute } = setUp({ ...signatureOf(), batchAxis: { kind: 'none' } });
    sharing.allowed(new Map([['s', signatureOf()]]));
    refute('rows');
    assert.equal(replaced[0]!.batchAxis.kind, 'none');
    const infinite = { ...SUSPECT, share: Infinity };
    sharing.refute('s', 'rows', infinite);
    assert.match(replaced[1]!.batchAxis.reason!, /output "y" of a row was another in a run of 8 rows$/);
  });
});
