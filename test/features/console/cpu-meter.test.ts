import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CpuMeter } from '../../../src/features/console/cpu-meter.ts';

describe('the cores that the process keeps busy', () => {
  it('are those of the span, also after a pause in which nobody read', () => {
    let user = 5_000_000;
    const meter = new CpuMeter(() => ({ user, system: 1_000_000 }));
    user += 1_500_000;
    assert.equal(meter.read(1000), 1.5);
    user += 500_000;
    assert.equal(meter.read(1000), 0.5);
    user += 12_000_000;
    meter.restart();
    user += 800_000;
    assert.equal(meter.read(1000), 0.8);
    assert.equal(meter.read(0), 0);
  });
});
