import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ForecastErrors } from '../../../src/features/explain/forecast-errors.ts';

const isNear = (found: number | undefined, wanted: number): void => {
  const off = Math.abs(found! - wanted);
  assert.ok(off <= 0.1 * Math.abs(wanted) + 0.011, `${found} instead of ${wanted}`);
};

describe('the sketch of forecast errors', () => {
  it('has no quantile before the first', () => {
    assert.equal(ForecastErrors.quantile([new ForecastErrors()], 0.5), undefined);
  });

  it('orders early before late, over several sketches', () => {
    const sketches = [new ForecastErrors(), new ForecastErrors()];
    for (let i = 0; i < 100; i++) sketches[i % 2]!.add(i - 59.5);
    for (const [share, wanted] of [
      [0.01, -59.5],
      [0.5, -10.5],
      [0.6, -0.5],
      [0.7, 9.5],
      [1, 39.5],
    ] as const) {
      isNear(ForecastErrors.quantile(sketches, share), wanted);
    }
  });

  it('takes exact ends, and no NaN', () => {
    const sketch = new ForecastErrors();
    sketch.add(Number.NaN);
    assert.equal(sketch.count, 0);
    sketch.add(0);
    isNear(ForecastErrors.quantile([sketch], 0.995), 0);
    sketch.clear();
    assert.equal(ForecastErrors.quantile([sketch], 0.995), undefined);
  });
});
