import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CancelSignal } from '../../../src/core/cancel.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { Priority, type PriorityClass } from '../../../src/core/priority.ts';
import {
  elements,
  type NumericTensor,
  numericTensor,
  stringTensor,
  type Tensor,
  type TensorMap,
} from '../../../src/core/tensor.ts';
import { CachedRunner } from '../../../src/features/response-cache/cached-runner.ts';
import { digestOf, isSameRequest, MOST_KEYED_BYTES } from '../../../src/features/response-cache/request-key.ts';
import { ResponseCache } from '../../../src/features/response-cache/response-cache.ts';
import { STAGE_EXECUTE, STAGE_QUEUE } from '../../../src/ledger/stage-clock.ts';
import type { RunContext, ServableRequest } from '../../../src/models/serving/servable.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { affine, type Behaviour, PuppetRunner } from '../../support/puppet-models.ts';
import { taskContext } from '../../support/scheduler-harness.ts';
import { turn } from '../../support/turns.ts';

const vector = (...values: number[]): NumericTensor =>
  numericTensor('float32', [values.length], Float32Array.from(values));
const yOf = (outputs: TensorMap): number[] => [...(elements(outputs.get('y') as NumericTensor) as Float32Array)];

/** Answers 2x when the test says so. */
function held() {
  const runs: { end(): void; fail(error: ServingError): void }[] = [];
  const behave: Behaviour = (request) =>
    new Promise((resolve, reject) => {
      runs.push({ end: () => resolve(affine(2, 0)(request) as TensorMap), fail: reject });
    });
  return { runs, behave };
}

function bench(behave: Behaviour = affine(2, 0), bounds = { maxBytes: 2 ** 16, ttlMs: 1000 }) {
  const clock = new FakeClock();
  const cache = new ResponseCache(bounds, clock);
  const inner = new PuppetRunner(behave);
  const runner = new CachedRunner(inner, cache, clock);
  const ask = (x: Tensor, more: Partial<ServableRequest> = {}) => {
    const context: RunContext = more.context ?? taskContext(clock);
    const request = { signatureName: 's', inputs: new Map([['x', x]]), outputs: ['y'], ...more, context };
    return { context, answer: runner.submit(request) };
  };
  return { clock, cache, inner, runner, ask };
}

describe('CachedRunner', () => {
  it('runs what is new, and gives the same answer to the same request', async () => {
    const { cache, inner, ask } = bench();
    const first = ask(vector(1, 2));
    assert.deepEqual(yOf(await first.answer), [2, 4]);
    const second = ask(vector(1, 2));
    assert.deepEqual(yOf(await second.answer), [2, 4]);
    assert.deepEqual([first.context.cache, second.context.cache], ['miss', 'hit']);
    assert.equal(inner.requests.length, 1);
    assert.deepEqual(cache.counts, { hit: 1, miss: 1, coalesced: 0, bypass: 0 });
    assert.ok(cache.bytes > 16);
    // Its trace shows no stage that it did not go through.
    assert.equal(second.context.stages.has(STAGE_QUEUE), false);
  });

  it('what differs in anything is another request', async () => {
    const { inner, ask } = bench();
    await ask(vector(1)).answer;
    await ask(numericTensor('float32', [1, 1], Float32Array.of(1))).answer;
    await ask(vector(-0)).answer;
    await ask(vector(0)).answer;
    await ask(vector(1), { signatureName: 't' }).answer;
    await ask(vector(1), { outputs: ['z'] }).answer;
    await ask(vector(1), { isOddShape: true }).answer;
    assert.equal(inner.requests.length, 7);
  });

  it('keeps copies: the request and its memory may be reused', async () => {
    const { inner, ask } = bench();
    const x = vector(1);
    const first = ask(x);
    assert.deepEqual(yOf(await first.answer), [2]);
    x.data.fill(0xff);
    assert.deepEqual(yOf(await ask(vector(1)).answer), [2]);
    assert.equal(inner.requests.length, 1);
  });

  it('joins a run of the same request that is under way', async () => {
    const { runs, behave } = held();
    const { cache, inner, ask, clock } = bench(behave);
    const first = ask(vector(1));
    clock.advance(5);
    const second = ask(vector(1));
    assert.equal(inner.requests.length, 1);
    runs[0]!.end();
    assert.deepEqual(yOf(await first.answer), [2]);
    assert.deepEqual(yOf(await second.answer), [2]);
    assert.deepEqual([first.context.cache, second.context.cache], ['miss', 'coalesced']);
    assert.equal(second.context.stages.startOf(STAGE_EXECUTE), clock.nowMs(), 'not before it came');
    assert.equal(cache.counts.coalesced, 1);
  });

  it('the deadline or the leaving of one ends only its own wait', async () => {
    const { runs, behave } = held();
    const { inner, ask } = bench(behave);
    const [first, second] = [ask(vector(1)), ask(vector(1))];
    const late = new ServingError('deadline_exceeded', 'too late');
    first.context.cancel.cancel(late);
    await assert.rejects(first.answer, late);
    assert.equal(inner.requests[0]!.context.cancel.isCancelled, false);
    runs[0]!.end();
    assert.deepEqual(yOf(await second.answer), [2]);
  });

  it('the run has the latest deadline of those that wait', () => {
    const { behave } = held();
    const { inner, ask, clock } = bench(behave);
    ask(vector(1), { context: taskContext(clock, { deadline: 2000 }) });
    const { context } = inner.requests[0]!;
    assert.equal(context.deadline, 2000);
    const last = ask(vector(1), { context: taskContext(clock, { deadline: 3000 }) });
    assert.equal(context.deadline, 3000);
    last.answer.catch(() => undefined);
    last.context.cancel.cancel(new ServingError('cancelled', 'left'));
    assert.equal(context.deadline, 2000);
  });

  it('when the last one leaves, the run is cancelled, and nobody joins it', async () => {
    const { runs, behave } = held();
    const { inner, ask } = bench(behave);
    const only = ask(vector(1));
    only.context.cancel.cancel(new ServingError('cancelled', 'left'));
    await assert.rejects(only.answer, { kind: 'cancelled' });
    assert.equal(inner.requests[0]!.context.cancel.isCancelled, true);
    const next = ask(vector(1));
    assert.equal(inner.requests.length, 2);
    runs[1]!.end();
    assert.deepEqual(yOf(await next.answer), [2]);
  });

  it('an error goes to all that wait, and is not kept', async () => {
    const { runs, behave } = held();
    const { inner, cache, ask } = bench(behave);
    const both = [ask(vector(1)), ask(vector(1))];
    runs[0]!.fail(new ServingError('backend_failed', 'it broke'));
    await Promise.all(both.map(({ answer }) => assert.rejects(answer, /it broke/)));
    assert.equal(cache.size, 0);
    const again = ask(vector(1));
    assert.equal(inner.requests.length, 2);
    runs[1]!.end();
    await again.answer;
  });

  it('a run that is shed for the first one is tried again for those that joined, once', async () => {
    const { runs, behave } = held();
    const { inner, ask } = bench(behave);
    const [first, second, third] = [ask(vector(1)), ask(vector(1)), ask(vector(1))];
    runs[0]!.fail(new ServingError('overloaded', 'full', { retryAfterMs: 1 }));
    await assert.rejects(first.answer, { kind: 'overloaded' });
    assert.equal(inner.requests.length, 2);
    runs[1]!.fail(new ServingError('overloaded', 'full'));
    await Promise.all([second, third].map(({ answer }) => assert.rejects(answer, { kind: 'overloaded' })));
    assert.equal(inner.requests.length, 2);
  });

  it('a run that is too late is tried again as long as one that joined has more time', async () => {
    const { runs, behave } = held();
    const { inner, ask, clock } = bench(behave);
    const until = (deadline: number) => ask(vector(1), { context: taskContext(clock, { deadline }) });
    const late = new ServingError('deadline_exceeded', 'too late');
    const first = until(2000);
    const second = until(3000);
    const brief = until(2500);
    runs[0]!.fail(late);
    await assert.rejects(first.answer, late);
    assert.equal(inner.requests[1]!.context.deadline, 3000);
    const third = until(4000);
    runs[1]!.fail(late);
    await assert.rejects(second.answer, late);
    assert.equal(inner.requests.length, 3);
    runs[2]!.fail(late);
    // Nobody has more time than this attempt had.
    await Promise.all([brief, third].map(({ answer }) => assert.rejects(answer, late)));
    assert.equal(inner.requests.length, 3);
  });

  it('a more important request does not wait for a less important run', async () => {
    const { runs, behave } = held();
    const { inner, cache, ask, clock } = bench(behave);
    const of = (priority: PriorityClass) => ask(vector(1), { context: taskContext(clock, { priority }) });
    const low = of(Priority.sheddable);
    const high = of(Priority.critical);
    const usual = of(Priority.default);
    assert.equal(inner.requests.length, 2);
    assert.equal(inner.requests[1]!.context.priority, Priority.critical);
    runs[1]!.end();
    assert.deepEqual([yOf(await high.answer), yOf(await usual.answer)], [[2], [2]]);
    runs[0]!.end();
    assert.deepEqual(yOf(await low.answer), [2]);
    assert.deepEqual([cache.size, cache.counts.coalesced], [1, 1]);
  });

  it('a refusal at once is thrown at once, and leaves nothing', () => {
    const { runner, ask } = bench();
    const context = taskContext(new FakeClock());
    const refusing = new CachedRunner(
      {
        ...runner,
        submit: () => {
          throw new ServingError('overloaded', 'full');
        },
        close: () => Promise.resolve(),
      } as never,
      new ResponseCache({ maxBytes: 1000, ttlMs: 1 }, new FakeClock()),
      new FakeClock(),
    );
    const request = { signatureName: 's', inputs: new Map([['x', vector(1)]]), outputs: ['y'], context };
    assert.throws(() => refusing.submit(request), { kind: 'overloaded' });
    assert.equal(context.cancel.listener, undefined);
    assert.throws(() => refusing.submit({ ...request, context: taskContext(new FakeClock()) }), { kind: 'overloaded' });
    const cancelled = taskContext(new FakeClock());
    (cancelled.cancel as CancelSignal).cancel(new ServingError('cancelled', 'left'));
    assert.throws(() => ask(vector(1), { context: cancelled }), { kind: 'cancelled' });
  });

  it('large inputs are neither looked up nor kept', async () => {
    const { inner, cache, ask } = bench();
    const large = numericTensor('float32', [MOST_KEYED_BYTES / 4 + 1], new Float32Array(MOST_KEYED_BYTES / 4 + 1));
    for (let i = 0; i < 2; i++) assert.equal((await ask(large).answer).size, 1);
    assert.equal(inner.requests.length, 2);
    assert.deepEqual([cache.counts.bypass, cache.size], [2, 0]);
  });

  it('an answer is given for its time, and no longer', async () => {
    const { inner, cache, clock, ask } = bench();
    await ask(vector(1)).answer;
    clock.advance(999);
    await ask(vector(1)).answer;
    assert.equal(inner.requests.length, 1);
    clock.advance(1);
    await ask(vector(1)).answer;
    assert.equal(inner.requests.length, 2);
    assert.equal(cache.size, 1);
  });

  it('the least recently used answers make room', async () => {
    const { inner, cache, ask } = bench(affine(2, 0), { maxBytes: 3 * (512 + 8) + 100, ttlMs: 1e6 });
    for (const x of [1, 2, 3]) await ask(vector(x)).answer;
    await ask(vector(1)).answer;
    await ask(vector(4)).answer;
    assert.deepEqual([cache.size, cache.evictions], [3, 1]);
    assert.ok(cache.bytes <= cache.bounds.maxBytes);
    await ask(vector(1)).answer;
    assert.equal(inner.requests.length, 4);
    await ask(vector(2)).answer;
    assert.equal(inner.requests.length, 5);
  });

  it('narrower bounds hold at once; requests of a MultiInference are not looked up', async () => {
    const { cache, runner, ask, clock } = bench();
    for (const x of [1, 2, 3]) await ask(vector(x)).answer;
    cache.bounds = { maxBytes: cache.bytes / 2, ttlMs: 1000 };
    assert.deepEqual([cache.size, cache.evictions], [1, 2]);
    const request = { signatureName: 's', inputs: new Map([['x', vector(3)]]), outputs: ['y'] };
    const [answer] = await runner.submitTogether([{ ...request, context: taskContext(clock) }]);
    assert.deepEqual([yOf(answer!), cache.counts.hit, cache.counts.bypass], [[6], 0, 1]);
  });

  it("a version's answers go with it, and another's stay", async () => {
    const { cache, clock, runner, ask } = bench();
    const other = new CachedRunner(new PuppetRunner(affine(3, 0)), cache, clock);
    await ask(vector(1)).answer;
    const request = { signatureName: 's', inputs: new Map([['x', vector(1)]]), outputs: ['y'] };
    assert.deepEqual(yOf(await other.submit({ ...request, context: taskContext(clock) })), [3]);
    assert.equal(cache.size, 2);
    await runner.close();
    assert.equal(cache.size, 1);
    const again: RunContext = taskContext(clock);
    assert.deepEqual(yOf(await other.submit({ ...request, context: again })), [3]);
    assert.equal(again.cache, 'hit');
    await other.close();
    assert.deepEqual([cache.size, cache.bytes], [0, 0]);
  });

  it('requests that would collide are told apart by their bytes', async () => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ maxBytes: 2 ** 16, ttlMs: 1000 }, clock);
    const scope = cache.openScope();
    const keyed = (x: number) => ({ signatureName: 's', inputs: new Map([['x', vector(x)]]), outputs: ['y'] });
    cache.put(scope, 'digest', keyed(1), new Map([['y', vector(2)]]));
    assert.equal(cache.find(scope, 'digest', keyed(2)), undefined);
    assert.deepEqual(yOf(cache.find(scope, 'digest', keyed(1))!), [2]);
    await turn();
  });
});

describe('the key of a request', () => {
  const keyed = (...elements: string[]) => ({
    signatureName: 's',
    inputs: new Map([
      [
        'x',
        stringTensor(
          [elements.length],
          elements.map((each) => new TextEncoder().encode(each)),
        ),
      ],
    ]),
    outputs: ['y'],
  });

  it('knows where strings end', () => {
    const [ab, a] = [keyed('a', 'b1 '), keyed('a1 ', 'b')];
    assert.notEqual(digestOf(ab), digestOf(a));
    assert.equal(isSameRequest(ab, a), false);
    assert.equal(isSameRequest(ab, keyed('a', 'b1 ')), true);
    assert.equal(digestOf(ab), digestOf(keyed('a', 'b1 ')));
    assert.equal(isSameRequest(ab, keyed('a')), false);
  });
});
