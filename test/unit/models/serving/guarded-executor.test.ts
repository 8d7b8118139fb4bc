import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import type {
  Batch,
  BatchOrigin,
  BatchResult,
  Executor,
  RunEvent,
  RunEventFacts,
} from '../../../../src/core/executor.ts';
import { Breaker } from '../../../../src/models/serving/breaker.ts';
import { GuardedExecutor } from '../../../../src/models/serving/guarded-executor.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

class Backend implements Executor {
  readonly slots = 2;
  readonly takesNext = true;
  /** What the last run was to follow. */
  after: Batch | undefined;
  readonly released: ArrayBuffer[] = [];
  runs = 0;
  error: Error | undefined;

  allocate(byteLength: number): ArrayBuffer {
    return new ArrayBuffer(byteLength);
  }

  release(buffer: ArrayBuffer): void {
    this.released.push(buffer);
  }

  async run(_batch: Batch, after?: Batch): Promise<BatchResult> {
    this.runs += 1;
    this.after = after;
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
  /** Without an origin of the test's: a batch that is judged at once, and whose runtime is at fault for a failure. */
  const kindOfRun = async (tested?: BatchOrigin): Promise<string> => {
    const of: BatchOrigin = tested ?? { ...origin };
    try {
      await guarded.run({ ...batch, origin: of });
      return 'ok';
    } catch (error) {
      if (tested === undefined) of.onJudged?.(false);
      return (error as ServingError).kind;
    }
  };
  return { clock, backend, breaker, guarded, batch, memory, noted, kindOfRun };
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

/** A batch of several requests, as the scheduler gives it. */
function originOf(isRerun: boolean): BatchOrigin {
  return { traceHeaders: undefined, priority: 1, onAbandoned: undefined, isRerun, onJudged: undefined, note() {} };
}

it('a failed batch is counted when it is known whose fault it was', async () => {
  const { backend, breaker, kindOfRun } = harness();
  backend.error = new ServingError('backend_failed', 'it threw');
  const origins = [1, 2, 3].map(() => originOf(false));
  for (const origin of origins) assert.equal(await kindOfRun(origin), 'backend_failed');
  origins[0]!.onJudged!(true);
  origins[1]!.onJudged!(false);
  assert.equal(breaker.state, 'closed');
  origins[2]!.onJudged!(false);
  assert.equal(breaker.state, 'open');
});

it('what is run again is counted neither way, and held back by an open breaker alone', async () => {
  const { clock, backend, breaker, kindOfRun } = harness();
  backend.error = new ServingError('backend_failed', 'it threw');
  const again = originOf(true);
  for (let i = 0; i < 5; i++) assert.equal(await kindOfRun(again), 'backend_failed');
  assert.equal(again.onJudged, undefined);
  assert.equal(breaker.state, 'closed');
  assert.deepEqual([await kindOfRun(), await kindOfRun()], ['backend_failed', 'backend_failed']);
  assert.equal(await kindOfRun(again), 'backend_unavailable');
  clock.advance(100);
  const probe = originOf(false);
  assert.equal(await kindOfRun(probe), 'backend_failed');
  assert.equal(await kindOfRun(), 'backend_unavailable', 'one probe at a time');
  backend.error = undefined;
  assert.equal(await kindOfRun(again), 'ok');
  probe.onJudged!(true);
  assert.equal(breaker.state, 'closed');
});

it('a worker behind a closed breaker takes its next batch early; while the backend is tried it does not', async () => {
  const { clock, backend, guarded, batch, kindOfRun } = harness();
  assert.equal(guarded.takesNext, true);
  const first = { ...batch };
  await Promise.all([guarded.run(first), guarded.run(batch, first)]);
  assert.equal(backend.after, first);
  await guarded.run({ ...batch, origin: originOf(true) }, first);
  assert.equal(backend.after, first);
  backend.error = new ServingError('backend_failed', 'it threw');
  for (const kind of [await kindOfRun(), await kindOfRun()]) assert.equal(kind, 'backend_failed');
  assert.equal(guarded.takesNext, false);
  clock.advance(100);
  const probe = kindOfRun();
  assert.equal(guarded.takesNext, false);
  assert.equal(await probe, 'backend_failed');
});
