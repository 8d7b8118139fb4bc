import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { elements, type NumericTensor } from '../../src/core/tensor.ts';
import {
  LENGTH_PADDING,
  LENGTH_SIGNATURE,
  PADDED_SIGNATURE,
  runSequences,
  sequences,
} from '../support/length-models.ts';
import type { PuppetRun } from '../support/puppet-executor.ts';
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

const MOST_REQUESTS = 25;

/** The longest length that is proved when each request comes: it only grows. */
const proved = fc
  .array(fc.constantFrom(0, 5, 20, 40), { minLength: MOST_REQUESTS, maxLength: MOST_REQUESTS })
  .map((lengths) => lengths.toSorted((a, b) => a - b));

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

/** The mask of each request counts all of its rows. */
function assertPaddedWithin({ batch }: PuppetRun, most: number): void {
  const mask = batch.inputs.get('mask') as NumericTensor;
  const isPadded = elements(mask).includes(0n as never);
  assert.ok(!isPadded || mask.shape[1]! <= most, `padded to ${mask.shape[1]}, proved up to ${most}`);
}

describe('Requests of any lengths', () => {
  it('are padded no further than is proved', async () => {
    const requests = fc.array(request, { minLength: 1, maxLength: MOST_REQUESTS });
    await fc.assert(
      fc.asyncProperty(options, requests, proved, async (init, sent, most) => {
        const padding = { ...LENGTH_PADDING, most: 0 };
        const signatures = new Map([['serving_default', { ...LENGTH_SIGNATURE, padding }]]);
        const h = new SchedulerHarness({ ...init, signatures });
        const submitted: Submitted[] = [];
        const end = async (): Promise<void> => {
          h.turn();
          for (const run of h.executor.active) assertPaddedWithin(run, padding.most);
          endOne(h);
          await settle();
        };
        for (const [i, { rows, outputs, ends }] of sent.entries()) {
          padding.most = most[i]!;
          submitted.push(h.submit(sequences(rows), { outputs }));
          for (let each = 0; each < ends; each++) await end();
        }
        while (h.executor.active.length > 0 || h.scheduler.queuedTasks > 0) await end();
        for (const [i, each] of submitted.entries()) await assertOwnAnswer(each, sent[i]!);
      }),
    );
  });

  it('get the answers that they would get alone', async () => {
    await fc.assert(
      fc.asyncProperty(
        options,
        fc.array(request, { minLength: 1, maxLength: MOST_REQUESTS }),
        async (init, requests) => {
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
        },
      ),
      { numRuns: 200 },
    );
  });
});
