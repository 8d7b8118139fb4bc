import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeptMemory } from '../../../../src/models/memory/kept-memory.ts';

/** Answers of 10 bytes each. */
function answers(kept: KeptMemory, count: number) {
  const own = {
    bytes: 0,
    giveUp(bytes: number): void {
      const given = Math.min(own.bytes, 10 * Math.ceil(bytes / 10));
      own.bytes -= given;
      kept.add(-given);
    },
  };
  kept.register(own);
  kept.add(10 * count);
  own.bytes = 10 * count;
  return own;
}

describe('the memory of what is kept', () => {
  it('makes room of answers, those of the model with the most first', () => {
    const kept = new KeptMemory();
    const [few, many] = [answers(kept, 2), answers(kept, 5)];
    kept.limitBytes = 100;
    assert.equal(kept.makeRoomFor(30), true);
    assert.equal(kept.bytes, 70, 'there was room');
    assert.equal(kept.makeRoomFor(55), true);
    assert.deepEqual([few.bytes, many.bytes, kept.bytes], [20, 20, 40]);
    kept.add(55);
    kept.giveUp(25);
    assert.deepEqual([few.bytes + many.bytes, kept.bytes], [10, 65]);
  });

  it('has no room where answers are not enough', () => {
    const kept = new KeptMemory();
    const own = answers(kept, 1);
    kept.limitBytes = 50;
    kept.add(40);
    assert.equal(kept.makeRoomFor(20), false);
    assert.deepEqual([own.bytes, kept.bytes], [0, 40]);
    assert.equal(kept.makeRoomFor(10), true);
  });
});
