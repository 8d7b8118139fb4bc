import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostedSession } from '../../../../src/backends/host/hosted-session.ts';
import { IDLE_MS, OnDemandHost } from '../../../../src/backends/host/on-demand-host.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import type { Batch } from '../../../../src/core/executor.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { batchOf, WHEN } from '../../../support/fake-model.ts';
import { settle } from '../../../support/scheduler-harness.ts';

/** Hosts whose runs echo, and fail for WHEN.abort as if their worker had ended. */
function setUp(failStart?: ServingError) {
  const clock = new FakeClock();
  const told: string[] = [];
  const run = async (batch: Batch) => {
    const [first] = new Float32Array((batch.inputs.get('x')!.data as Uint8Array).slice().buffer);
    if (first === WHEN.abort) throw new ServingError('worker_crashed', 'it died');
    return { outputs: batch.inputs };
  };
  const start = async () => {
    told.push('open');
    if (failStart !== undefined) throw failStart;
    const close = async () => void told.push('close');
    return { executor: { run }, close } as unknown as HostedSession;
  };
  const host = new OnDemandHost({ model: 'm', clock, start, check: () => undefined });
  return { clock, told, host };
}

describe('a host on demand', () => {
  it('is opened by its first batch, kept while batches come, and closed after a while without any', async () => {
    const { clock, told, host } = setUp();
    assert.deepEqual([told, host.isOpen], [[], false]);
    await host.run(batchOf(1));
    clock.advance(IDLE_MS - 1);
    await host.run(batchOf(2));
    clock.advance(IDLE_MS - 1);
    assert.deepEqual(told, ['open']);
    clock.advance(1);
    await settle();
    assert.deepEqual([told, host.isOpen], [['open', 'close'], false]);
    await host.run(batchOf(3));
    await host.close();
    assert.deepEqual(told, ['open', 'close', 'open', 'close']);
    assert.equal(clock.armed, 0);
  });

  it('opens another worker for the next batch after a run that has ended it, and waits longer each time', async () => {
    const { clock, told, host } = setUp();
    const crash = () => assert.rejects(host.run(batchOf(WHEN.abort)), { kind: 'worker_crashed' });
    await crash();
    for (const waitMs of [50, 100]) {
      const opened = told.filter((each) => each === 'open').length;
      const next = crash();
      await settle();
      clock.advance(waitMs - 1);
      await settle();
      assert.equal(told.filter((each) => each === 'open').length, opened);
      clock.advance(1);
      await next;
    }
    await host.close();
  });

  it('fails the batch where it cannot be opened, and is tried again by the next', async () => {
    const { told, host } = setUp(new ServingError('load_failed', 'no such file'));
    for (let i = 0; i < 2; i++) {
      await assert.rejects(host.run(batchOf(1)), { kind: 'backend_unavailable', message: /no such file/ });
    }
    assert.deepEqual(told, ['open', 'open']);
    const full = setUp(new ServingError('insufficient_memory', 'it does not fit'));
    await assert.rejects(full.host.run(batchOf(1)), { kind: 'insufficient_memory' });
  });
});
