/** A run that does not end is told once, and its end once; runs that take their time are not told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StalledRuns } from '../../../src/features/stalled-runs/stalled-runs.ts';
import type { Servable } from '../../../src/models/serving/servable.ts';
import type { RunSoFar } from '../../../src/scheduler/scheduler.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function harness() {
  const clock = new FakeClock();
  const lines: string[] = [];
  const log = (level: string) => (fields: object, text: string) => {
    const { event, model, version, run_ms, expected_ms, queued_rows } = fields as Record<string, unknown>;
    lines.push([level, event, model, version, run_ms, expected_ms, queued_rows, text.length > 0].join(' '));
  };
  const runner: { longestRun: RunSoFar | undefined; queuedRows: number } = { longestRun: undefined, queuedRows: 7 };
  const servable = { name: 'digits', version: 2n, runner } as unknown as Servable;
  const servables = [servable];
  const runs = new StalledRuns({ clock, logger: { warn: log('warn'), info: log('info') }, servables: () => servables });
  const run = (expectedMs?: number): void => {
    runner.longestRun = { since: clock.nowMs(), expectedMs };
  };
  const look = (afterMs: number): string[] => {
    clock.advance(afterMs);
    runs.look();
    return lines.splice(0);
  };
  return { runner, run, look, servables };
}

describe('a run that does not end', () => {
  it('is told once, with what was expected and what waits, and so is its end', () => {
    const { runner, run, look } = harness();
    run(12);
    assert.deepEqual(look(9000), []);
    assert.deepEqual(look(2000), ['warn run_stalled digits 2 11000 12 7 true']);
    assert.deepEqual(look(60_000), []);
    runner.longestRun = undefined;
    assert.deepEqual(look(2000), ['info run_stalled_end digits 2 73000   true']);
    assert.deepEqual(look(2000), []);
  });

  it('is told anew after another one', () => {
    const { run, look } = harness();
    run(12);
    assert.equal(look(11_000).length, 1);
    run(12);
    assert.deepEqual(look(2000), ['info run_stalled_end digits 2 13000   true']);
    assert.deepEqual(look(10_000), ['warn run_stalled digits 2 12000 12 7 true']);
  });

  it('is no run that was expected to take long, nor one of which nothing was known for a minute', () => {
    const { run, look } = harness();
    run(5000);
    assert.deepEqual(look(49_000), []);
    assert.equal(look(2000).length, 1);
    run();
    assert.equal(look(59_000).length, 1);
    assert.deepEqual(look(2000), ['warn run_stalled digits 2 61000  7 true']);
  });

  it('is forgotten with its version', () => {
    const { run, look, servables } = harness();
    run(12);
    assert.equal(look(11_000).length, 1);
    servables.length = 0;
    assert.deepEqual(look(2000), []);
  });
});
