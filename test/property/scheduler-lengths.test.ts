import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { elements, type NumericTensor } from '../../src/core/tensor.ts';
import { PADDED_SIGNATURE, runSequences, sequences } from '../support/length-models.ts';
import { SchedulerHarness, type Submitted, settle, taskContext } from '../support/scheduler-harness.ts';

interface Request {
  /** Rows of one length. */
  readonly rows: readonly (readonly number[])[];
  readonly outputs: readonly string[];
  /** Before it the clock moves on. */
  readonly afterMs: number;
  /** Undefined = none. */
  readonly deadlineMs: number | undefined;
  /** Runs that end before it comes. */
  readonly ends: number;
}

const request: fc.Arbitrary<Request> = fc
  .record({ count: fc.integer({ min: 1, max: 5 }), length: fc.integer({ min: 1, max: 40 }) })
  .chain(({ count, length }) =>
    fc.record({
      rows: fc.array(fc.array(fc.nat(50), { minLength: length, maxLength: length }), {
        minLength: count,
        maxLength: count,
      }),
      outputs: fc.constantFrom(['hidden', 'pooled'], ['hidden'], ['pooled']),
      afterMs: fc.integer({ min: 0, max: 20 }),
      deadlineMs: fc.option(fc.integer({ min: 1, max: 500 }), { nil: undefined }),
      ends: fc.nat(2),
    }),
  );

const options = fc.record({
  slots: fc.integer({ min: 1, max: 3 }),
  maxBatchSize: fc.integer({ min: 2, max: 8 }),
  kind: fc.constantFrom('slack', 'greedy', 'edf'),
});

/** A run takes so long. */
function runMs(shape: readonly number[]): number {
  return 3 + 0.1 * shape[0]! * shape[1]!;
}

function endOne(h: SchedulerHarness): void {
  const [run] = h.executor.active;
  if (run === undefined) return;
  const { inputs } = run.batch;
  const outputs = runSequences(inputs);
  h.clock.advance(runMs(inputs.get('ids')!.shape));
  if (!run.isEnded) run.complete({ outputs });
}

async function assertOwnAnswer(submitted: Submitted, { rows, outputs: wanted }: Request): Promise<void> {
  const { outputs, error } = await submitted.settled;
  if (outputs === undefined) {
    assert.ok(['deadline_exceeded', 'overloaded'].includes(error!.kind), error!.message);
    return;
  }
  const alone = runSequences(sequences(rows));
  assert.deepEqual([...outputs.keys()], wanted);
  for (const name of wanted) {
    const found = outputs.get(name) as NumericTensor;
    const own = alone.get(name) as NumericTensor;
    assert.deepEqual(found.shape, own.shape);
    assert.deepEqual([...elements(found)], [...elements(own)]);
  }
}

describe('Requests of any lengths', () => {
  it('get the answers that they would get alone', async () => {
    await fc.assert(
      fc.asyncProperty(options, fc.array(request, { minLength: 1, maxLength: 25 }), async (init, requests) => {
        const h = new SchedulerHarness({ ...init, signatures: new Map([['serving_default', PADDED_SIGNATURE]]) });
        const submitted: Submitted[] = [];
        for (const { rows, outputs, afterMs, deadlineMs, ends } of requests) {
          h.clock.advance(afterMs);
          const deadline = deadlineMs === undefined ? Infinity : h.clock.nowMs() + deadlineMs;
          submitted.push(h.submit(sequences(rows), { outputs, context: taskContext(h.clock, { deadline }) }));
          h.turn();
          for (let i = 0; i < ends; i++) endOne(h);
          await settle();
        }
        for (let i = 0; i < 1000 && (h.executor.active.length > 0 || h.scheduler.queuedTasks > 0); i++) {
          h.turn();
          endOne(h);
          await settle();
        }
        assert.deepEqual([h.scheduler.queuedTasks, h.scheduler.queuedRows, h.executor.loaned.size], [0, 0, 0]);
        assert.deepEqual(h.misfits, []);
        for (const [i, each] of submitted.entries()) await assertOwnAnswer(each, requests[i]!);
      }),
      { numRuns: 200 },
    );
  });
});
