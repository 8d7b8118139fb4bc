import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Circuit } from '../../../../src/models/serving/circuit.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const WINDOW_MS = 1000;

function harness(state: 'closed' | 'half_open' = 'closed') {
  const clock = new FakeClock();
  return { clock, circuit: new Circuit({ clock, windowMs: WINDOW_MS }, state) };
}

function counts({ stats: { failures, successes } }: Circuit): readonly number[] {
  return [failures, successes];
}

describe('a closed circuit', () => {
  it('counts at once, and opens only when it is told to', () => {
    const { circuit } = harness();
    for (let i = 1; i <= 100; i++) {
      circuit.record('failed');
      assert.deepEqual([...counts(circuit), circuit.closed], [i, 0, true]);
    }
    circuit.open();
    assert.equal(circuit.opened, true);
  });

  it('forgets what came before the first failure of its window', () => {
    const { clock, circuit } = harness();
    for (let i = 0; i < 3; i++) circuit.record('alive');
    circuit.record('failed');
    circuit.record('alive');
    assert.deepEqual(counts(circuit), [1, 1]);
    clock.advance(WINDOW_MS / 2);
    circuit.record('alive');
    clock.advance(WINDOW_MS / 2 + 1);
    circuit.record('failed');
    assert.deepEqual(counts(circuit), [1, 0]);
  });

  it('lets each failure roll out of its window by itself', () => {
    const { clock, circuit } = harness();
    circuit.record('failed');
    clock.advance(500);
    circuit.record('failed');
    clock.advance(500);
    circuit.record('failed');
    assert.deepEqual(counts(circuit), [3, 0]);
    clock.advance(1);
    circuit.record('failed');
    assert.deepEqual(counts(circuit), [3, 0]);
    clock.advance(100 * WINDOW_MS);
    circuit.record('failed');
    assert.deepEqual(counts(circuit), [1, 0]);
  });

  it('keeps nothing of a batch but its count', () => {
    const { clock, circuit } = harness();
    for (let i = 0; i < 500; i++) {
      circuit.record(i % 5 === 0 ? 'failed' : 'alive');
      clock.advance(1);
    }
    assert.deepEqual(counts(circuit), [100, 400]);
    assert.ok(circuit.status.window.every(({ latencyTimes }) => latencyTimes.length === 0));
  });
});

describe('a half open circuit', () => {
  it('closes at once with a success', () => {
    const { circuit } = harness('half_open');
    assert.equal(circuit.halfOpen, true);
    circuit.record('alive');
    assert.equal(circuit.closed, true);
  });

  it('opens at once with a failure', () => {
    const { circuit } = harness('half_open');
    circuit.record('failed');
    assert.equal(circuit.opened, true);
  });
});

it('a circuit starts no timer, on its clock or on Node’s', ({ mock }) => {
  const timers = [mock.method(globalThis, 'setTimeout'), mock.method(globalThis, 'setInterval')];
  const { clock, circuit } = harness();
  circuit.record('alive');
  circuit.record('failed');
  circuit.open();
  harness('half_open').circuit.record('failed');
  harness('half_open').circuit.record('alive');
  assert.deepEqual(
    timers.map((timer) => timer.mock.callCount()),
    [0, 0],
  );
  assert.equal(clock.armed, 0);
});
