import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { residentBytes, residentOutsideHeap } from '../../../../src/config/machine/resident-memory.ts';

const MIB = 2 ** 20;

describe('Resident memory outside the heap', () => {
  it('grows by what is allocated outside it, and hardly by objects', () => {
    const [before, outsideBefore] = [residentBytes()!, residentOutsideHeap()!];
    const kept = Array.from({ length: 1_000_000 }, (_, i) => ({ numbers: [i, i + 0.5, i + 1], text: `object ${i}` }));
    const grown = residentBytes()! - before;
    const outside = residentOutsideHeap()! - outsideBefore;
    assert.ok(grown > 30 * MIB, `${grown / MIB} MiB`);
    assert.ok(outside < grown / 2, `${outside / MIB} of ${grown / MIB} MiB`);
    const block = Buffer.alloc(64 * MIB, 1);
    const withBlock = residentOutsideHeap()! - outsideBefore - outside;
    assert.ok(withBlock > 48 * MIB, `${withBlock / MIB} MiB`);
    assert.equal(kept.length + block.length, 1_000_000 + 64 * MIB);
  });
});
