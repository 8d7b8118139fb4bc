import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import type { Batch, BatchOrigin, BatchResult, Executor, RunEvent, RunEventFacts } from '../../../src/core/executor.ts';
import { Breaker } from '../../../src/models/breaker.ts';
import { GuardedExecutor } from '../../../src/models/guarded-executor.ts';
import { FakeClock } from '../../support/fake-clock.ts';

class Backend implements Executor {
  readonly slots = 2;
  readonly released: ArrayBuffer[] = [];
  runs = 0;
  error: Error | undefined;

  allocate(byteLength: number): ArrayBuffer {
    return new ArrayBuffer(byteLength);
  }

  release(buffer: ArrayBuffer): void {
    this.released.push(buffer);
  }

  async run(): Promise<BatchResult> {
    this.runs += 1;
    if (this.error !== undefined) throw this.error;
    return { outputs: new Map() };
  }
}

function harness() {
  const clock = new FakeClock();
  const backend = new Backend();
  const breaker = new Breaker({ failures: 2, windowMs: 1000, resetMs: 100, clock, what: 'm' });
  const guarded = new GuardedExecutor(backend, breaker);
  const memory = guarded.allocate(8);
  const inputs = new Map([['x', { dtype: 'float32', shape: [2], data: new Uint8Array(memory) } as const]]);
  const noted: [RunEvent, RunEventFacts][] = [];
  const note: BatchOrigin['note'] = (event, facts) => noted.push([event, facts]);
  const origin: BatchOrigin = { traceHeaders: undefined, priority: 1, onAbandoned: undefined, note };
  const batch: Batch = { signatureName: 's', inputs, outputs: [], size: 1, deadline: Infinity, origin };
  const kindOfRun = (): Promise<string> =>
    guarded.run(batch).then(
      () => 'ok',
      (error: ServingError) => error.kind,
    );
  return { clock, backend, breaker, memory, noted, kindOfRun };
}

it('a guarded executor refuses what its breaker does not let through, and gives the memory back', async () => {
  const { clock, backend, memory, noted, kindOfRun } = harness();
  backend.error = new ServingError('backend_failed', 'it threw');
  assert.deepEqual([await kindOfRun(), await kindOfRun()], ['backend_failed', 'backend_failed']);
  assert.deepEqual(backend.released, []);
  assert.equal(await kindOfRun(), 'backend_unavailable');
  assert.equal(backend.runs, 2);
  assert.deepEqual(backend.released, [memory]);
  assert.deepEqual(noted, [['breaker', { 'inference.breaker.state': 'open', 'inference.retry_after_ms': 250 }]]);
  backend.error = undefined;
  clock.advance(100);
  assert.deepEqual([await kindOfRun(), await kindOfRun()], ['ok', 'ok']);
});

it('requests at fault open no breaker', async () => {
  const { backend, breaker, kindOfRun } = harness();
  backend.error = new ServingError('invalid_request', 'a bad value');
  for (let i = 0; i < 10; i++) assert.equal(await kindOfRun(), 'invalid_request');
  assert.equal(breaker.state, 'closed');
});

it('a backend that throws what is no ServingError has failed', async () => {
  const { backend, breaker, kindOfRun } = harness();
  backend.error = new TypeError('x is undefined');
  assert.deepEqual([await kindOfRun(), await kindOfRun()], ['internal', 'internal']);
  assert.equal(breaker.state, 'open');
});
