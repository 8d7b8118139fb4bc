import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startCoreTimer, startCpuTimer } from '../../../../src/backends/host/core-time.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

describe('a core timer', () => {
  it('leaves out the time in which the thread waits for a core', () => {
    const clock = new FakeClock();
    let waited = 5000;
    const coreMs = startCoreTimer(clock, () => waited);
    clock.advance(100);
    waited += 70;
    assert.equal(coreMs(), 30);
    clock.advance(10);
    assert.equal(coreMs(), 40);
  });

  it('is the time alone where the kernel does not count waits, and never below 0', () => {
    const clock = new FakeClock();
    const plain = startCoreTimer(clock, () => 0);
    let waited = 0;
    const odd = startCoreTimer(clock, () => waited);
    clock.advance(20);
    waited = 21;
    assert.deepEqual([plain(), odd()], [20, 0]);
  });

  it('reads what the kernel counts', () => {
    const clock = new FakeClock();
    const coreMs = startCoreTimer(clock);
    clock.advance(60_000);
    assert.ok(coreMs() > 0 && coreMs() <= 60_000);
  });
});

describe('a CPU timer', () => {
  it('leaves out the time in which the thread sleeps or waits', () => {
    const clock = new FakeClock();
    let ran = 5000;
    const cpuMs = startCpuTimer(clock, () => ran);
    clock.advance(100);
    ran += 12;
    assert.equal(cpuMs(), 12);
  });

  it('is the time alone where the kernel does not count', () => {
    const clock = new FakeClock();
    const cpuMs = startCpuTimer(clock, () => undefined);
    clock.advance(100);
    assert.equal(cpuMs(), 100);
  });
});
