/** A batch gives an executor on another server its trace and priority, and says when all members have settled. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clientLeft } from '../../../../src/core/cancel.ts';
import type { BatchOrigin } from '../../../../src/core/executor.ts';
import { Priority } from '../../../../src/core/priority.ts';
import { SchedulerHarness, type Submitted, taskContext } from '../../../support/scheduler-harness.ts';
import { traceOf } from '../../../support/telemetry-records.ts';

function originOf(h: SchedulerHarness): BatchOrigin {
  return h.executor.runs[0]!.batch.origin!;
}

const leave = async (request: Submitted): Promise<void> => {
  request.context.cancel.cancel(clientLeft('execute'));
  await request.error();
};

describe('the origin of a batch', () => {
  it('has the trace of the batch’s span, and the most important class', () => {
    const h = new SchedulerHarness();
    h.submitRows([1], taskContext(h.clock, { priority: Priority.sheddable }));
    h.submitRows([2], taskContext(h.clock, { trace: { ...traceOf('a'), traceState: 'v=1' } }));
    h.turn();
    assert.deepEqual(originOf(h).traceHeaders, {
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
      tracestate: 'v=1',
    });
    assert.equal(originOf(h).priority, Priority.default);
    h.executor.runs[0]!.complete();
  });

  it('carries the request’s own context if it is not sampled, so that no server samples it later', () => {
    const h = new SchedulerHarness();
    h.submitRows([1], taskContext(h.clock, { trace: { ...traceOf('a'), isSampled: false } }));
    h.turn();
    assert.deepEqual(originOf(h).traceHeaders, { traceparent: `00-${'a'.repeat(32)}-${'a'.repeat(16)}-00` });
    h.executor.runs[0]!.complete();
  });

  it('tells once that it was abandoned, when the last of its requests has left', async () => {
    const h = new SchedulerHarness();
    const [first, second] = [h.submitRows([1]), h.submitRows([2])];
    h.turn();
    let calls = 0;
    originOf(h).onAbandoned = () => {
      calls += 1;
    };
    await leave(first);
    assert.equal(calls, 0);
    await leave(second);
    assert.equal(calls, 1);
    h.executor.runs[0]!.fail(clientLeft('execute'));
  });

  it('notes what happens to the run for each request that still wants it', async () => {
    const h = new SchedulerHarness();
    const contexts = [taskContext(h.clock), taskContext(h.clock)] as const;
    const [left] = contexts.map((context) => h.submitRows([1], context));
    h.turn();
    await leave(left!);
    originOf(h).note('retry', { 'inference.reason': 'pushback' });
    const noted = [['retry', { 'inference.reason': 'pushback' }]];
    assert.deepEqual([contexts[0].noted, contexts[1].noted], [[], noted]);
    h.executor.runs[0]!.complete();
  });

  it('tells nothing once it has its answer', async () => {
    const h = new SchedulerHarness({ maxBatchSize: 2 });
    const large = h.submitRows([1, 2, 3, 4]);
    h.turn();
    originOf(h).onAbandoned = () => assert.fail('it has run');
    h.executor.runs[0]!.complete();
    await Promise.resolve();
    await leave(large);
    h.executor.runs[1]?.complete();
  });
});
