import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TailThreshold } from '../../../../src/telemetry/recorder/tail-threshold.ts';

/** The nth of a sequence that fills 0..1 evenly. */
const spread = (n: number): number => (n * 0.618_033_988_75) % 1;

describe('the latency that 99 of 100 stay under', () => {
  it('is unknown until enough was seen, and nothing is over it', () => {
    const threshold = new TailThreshold();
    for (let i = 0; i < 199; i++) assert.equal(threshold.isOver(i), false);
    assert.equal(threshold.limitMs, Infinity);
    threshold.isOver(1);
    assert.ok(threshold.limitMs < 200);
  });

  for (const scale of [0.02, 1, 250, 60_000]) {
    it(`is right to a sixteenth at ${scale} ms, and one of a hundred is over it`, () => {
      const threshold = new TailThreshold();
      let over = 0;
      for (let i = 0; i < 50_000; i++) if (threshold.isOver(scale * (1 + spread(i))) && i >= 10_000) over += 1;
      const expected = scale * 1.99;
      assert.ok(threshold.limitMs >= expected - 0.001, `${threshold.limitMs}`);
      assert.ok(threshold.limitMs <= expected * 1.07 + 0.001, `${threshold.limitMs}`);
      assert.ok(over <= 400, `${over} of 40,000`);
    });
  }

  it('has nothing over it where all are alike', () => {
    const threshold = new TailThreshold();
    for (let i = 0; i < 5000; i++) assert.equal(threshold.isOver(3), false);
    assert.equal(threshold.isOver(3.5), true);
  });

  it('follows a model that has become slower, and one that has become faster', () => {
    const threshold = new TailThreshold();
    const feed = (ms: number): void => {
      for (let i = 0; i < 100_000; i++) threshold.isOver(ms);
    };
    feed(2);
    assert.ok(threshold.limitMs < 2.2);
    feed(20);
    assert.ok(threshold.limitMs > 20 && threshold.limitMs < 22);
    feed(2);
    assert.ok(threshold.limitMs < 2.2);
  });

  it('takes any number', () => {
    const threshold = new TailThreshold();
    for (const odd of [0, -1, Number.NaN, Infinity, 1e12]) for (let i = 0; i < 300; i++) threshold.isOver(odd);
    assert.ok(threshold.limitMs > 0);
  });
});
