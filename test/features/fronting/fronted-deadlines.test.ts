/** The table of the deadlines that inference requests take over. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DeadlineTimer } from '../../../src/core/deadline-timer.ts';
import { type ClientFacts, noTelemetry } from '../../../src/ledger/request-record.ts';
import type { Principal } from '../../../src/proxy/access-control.ts';
import { AbandonedIds, KEPT_MS, MOST_ABANDONED } from '../../../src/proxy/fronting/abandoned-ids.ts';
import { FrontedDeadlines } from '../../../src/proxy/fronting/fronted-deadlines.ts';
import { RequestLifecycle } from '../../../src/proxy/request-lifecycle.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const OTHER = '00000000000000000000000000000001';
const ID = '3f2a8f5e-6a1c-4c58-9b5e-0d3c7a9b1e2f';

/** How a request comes with these ids. */
function arrivalOf(
  traceId: string | undefined,
  requestId: string | undefined,
  caller = 'local:1',
  method = 'Predict',
  client?: ClientFacts,
) {
  const rest = { spanId: '00f067aa0ba902b7', isSampled: false, traceState: undefined };
  return { callerTrace: traceId === undefined ? undefined : { traceId, ...rest }, requestId, caller, method, client };
}

describe('the table', () => {
  test('knows an open request by its trace and by its id, and nothing when it is over', () => {
    const table = new FrontedDeadlines();
    const open = table.add(TRACE, ID, 500);
    assert.equal(table.size, 2);
    assert.deepEqual(
      [table.of(arrivalOf(TRACE, undefined)), table.of(arrivalOf(undefined, ID)), table.of(arrivalOf(OTHER, ID))],
      [500, 500, 500],
    );
    assert.deepEqual(
      [table.of(arrivalOf(OTHER, 'x')), table.of(arrivalOf(undefined, undefined))],
      [Infinity, Infinity],
    );
    open.remove();
    open.remove();
    assert.deepEqual([table.size, table.of(arrivalOf(TRACE, ID))], [0, Infinity]);
  });

  test('a request id that may be another client’s too is not used', () => {
    const table = new FrontedDeadlines();
    for (const id of [undefined, '', '17', 'request-1', `${ID}0`, ID.replaceAll('-', '_')])
      table.add(undefined, id, 500);
    assert.equal(table.size, 0);
    table.add(undefined, ID.replaceAll('-', ''), 500);
    assert.equal(table.of(arrivalOf(undefined, ID.replaceAll('-', ''))), 500);
  });

  test('of several with one id the latest deadline counts, and none is the latest', () => {
    const table = new FrontedDeadlines();
    const [early, late, middle] = [100, 300, 200].map((at) => table.add(TRACE, undefined, at));
    assert.equal(table.of(arrivalOf(TRACE, undefined)), 300);
    late!.remove();
    assert.equal(table.of(arrivalOf(TRACE, undefined)), 200);
    const without = table.add(TRACE, undefined, Infinity);
    assert.equal(table.of(arrivalOf(TRACE, undefined)), Infinity);
    without.remove();
    middle!.lift();
    assert.equal(table.of(arrivalOf(TRACE, undefined)), Infinity);
    middle!.remove();
    assert.equal(table.of(arrivalOf(TRACE, undefined)), 100);
    early!.remove();
    assert.equal(table.size, 0);
  });

  test('the trace goes before the id', () => {
    const table = new FrontedDeadlines();
    table.add(TRACE, undefined, 100);
    table.add(undefined, ID, 50);
    assert.equal(table.of(arrivalOf(TRACE, ID)), 100);
  });
});

describe('an id of abandoned requests', () => {
  const CLIENT = { caller: 'ip:10.0.0.9' };

  function make() {
    const clock = new FakeClock();
    const table = new FrontedDeadlines(new AbandonedIds(clock));
    const add = (traceId: string | undefined, requestId?: string) => table.add(traceId, requestId, Infinity, CLIENT);
    const isRefused = (...arrival: Parameters<typeof arrivalOf>) => table.of(arrivalOf(...arrival)) === -Infinity;
    return { clock, table, add, isRefused };
  }

  test('is known for some seconds, by the trace or by the request', () => {
    const { clock, table, add, isRefused } = make();
    add(TRACE, ID).abandon(false);
    assert.equal(table.size, 0);
    const ways = () => [isRefused(TRACE, undefined), isRefused(undefined, ID), isRefused(OTHER, ID)];
    assert.deepEqual(ways(), [true, true, true]);
    assert.deepEqual([isRefused(OTHER, undefined), isRefused(undefined, undefined)], [false, false]);
    clock.advance(KEPT_MS);
    assert.deepEqual(ways(), [false, false, false]);
  });

  test('is not known without the table of them, nor of a request that ended otherwise', () => {
    const plain = new FrontedDeadlines();
    plain.add(TRACE, ID, Infinity, CLIENT).abandon(false);
    assert.deepEqual([plain.size, plain.of(arrivalOf(TRACE, ID))], [0, Infinity]);
    const { add, isRefused } = make();
    const answered = add(TRACE);
    answered.remove();
    answered.abandon(false);
    assert.equal(isRefused(TRACE, undefined), false);
  });

  test('is lifted by a new request, and refused again when that is abandoned as well', () => {
    const { add, isRefused } = make();
    add(TRACE).abandon(false);
    const again = add(TRACE);
    assert.equal(isRefused(TRACE, undefined), false);
    again.abandon(false);
    assert.equal(isRefused(TRACE, undefined), true);
    add(TRACE).remove();
    assert.equal(isRefused(TRACE, undefined), false, 'one was answered');
  });

  test('counts only if none of its requests was answered, before or after', () => {
    const { clock, add, isRefused } = make();
    const [first, second, third] = [add(TRACE), add(TRACE), add(TRACE)];
    first.abandon(false);
    assert.equal(isRefused(TRACE, undefined), false, 'two are open');
    second.remove();
    third.abandon(false);
    assert.equal(isRefused(TRACE, undefined), false);
    add(TRACE).abandon(false);
    assert.equal(isRefused(TRACE, undefined), false);
    clock.advance(KEPT_MS);
    add(TRACE).abandon(false);
    assert.equal(isRefused(TRACE, undefined), true);
  });

  test('an answered trace speaks for the request in it', () => {
    const { add, isRefused } = make();
    add(TRACE).remove();
    add(undefined, ID).abandon(false);
    assert.deepEqual([isRefused(TRACE, ID), isRefused(OTHER, ID)], [false, true]);
  });

  test('refuses inference of the application alone', () => {
    const { add, isRefused } = make();
    add(TRACE).abandon(false);
    const callers = ['local:7', 'ip:10.0.0.8', 'header:local:7', 'tls:spiffe://a/b', ''];
    assert.deepEqual(
      callers.map((caller) => isRefused(TRACE, undefined, caller)),
      [true, false, false, false, false],
    );
    assert.equal(isRefused(TRACE, undefined, 'local:7', 'GetModelStatus'), false);
  });

  test('refuses its own caller only where the application has passed that on', () => {
    const { table, add, isRefused } = make();
    add(TRACE).abandon(false);
    assert.equal(isRefused(TRACE, undefined, CLIENT.caller), false, 'it asks the model itself');
    const told = { address: '10.0.0.9', scheme: undefined };
    assert.equal(isRefused(TRACE, undefined, CLIENT.caller, 'Predict', told), true, 'x-forwarded-for');
    table.add(OTHER, undefined, Infinity, { caller: 'header:shop' }).abandon(false);
    assert.deepEqual(
      ['header:shop', 'header:other'].map((caller) => isRefused(OTHER, undefined, caller)),
      [true, false],
      '--caller_header',
    );
  });

  test('is forgotten, the oldest first, where there are too many', () => {
    const { table, isRefused } = make();
    const idOf = (i: number): string => i.toString(16).padStart(32, '0');
    for (let i = 0; i <= MOST_ABANDONED; i++) table.add(idOf(i), undefined, Infinity, CLIENT).abandon(false);
    assert.deepEqual(
      [0, 1, MOST_ABANDONED].map((i) => isRefused(idOf(i), undefined)),
      [false, true, true],
    );
  });
});

describe('an inference request', () => {
  const make = (isAbandonedKnown = false) => {
    const clock = new FakeClock();
    const deadlines = new DeadlineTimer(clock);
    const maxTimeoutMs = { grpc: Infinity, rest: 1000 };
    const fronted = new FrontedDeadlines(isAbandonedKnown ? new AbandonedIds(clock) : undefined);
    const parts = { clock, deadlines, telemetry: noTelemetry, maxTimeoutMs };
    const lifecycle = new RequestLifecycle({ ...parts, carriedDeadlines: fronted });
    const begin = (timeoutMs: number | undefined, traceId = TRACE, surface: 'grpc' | 'rest' = 'grpc') =>
      lifecycle.begin({
        ...{ surface, method: 'Predict', receivedAt: clock.nowMs(), timeoutMs, requestId: undefined },
        ...{ peer: 'test', caller: 'local:1' },
        callerTrace: { traceId, spanId: '00f067aa0ba902b7', isSampled: false, traceState: undefined },
      });
    return { clock, deadlines, fronted, lifecycle, begin };
  };

  test('takes over what is left, as a deadline that a client has set', () => {
    const { clock, fronted, begin } = make();
    const at = clock.nowMs() + 500;
    fronted.add(TRACE, undefined, at);
    clock.advance(200);
    for (const surface of ['grpc', 'rest'] as const) {
      const context = begin(undefined, TRACE, surface);
      assert.deepEqual([context.deadline, context.hasOwnDeadline, context.isDeadlineCarried], [at, true, true]);
    }
    const context = begin(2000);
    clock.advance(300);
    const { kind, message } = context.cancel.reason!;
    assert.equal(kind, 'deadline_exceeded');
    assert.match(message, /^deadline of 300 ms, what was left to the request that it is for, passed before/);
  });

  test('keeps its own deadline where that is earlier, and the one in its message', () => {
    const { clock, fronted, lifecycle, begin } = make();
    const at = clock.nowMs() + 500;
    fronted.add(TRACE, undefined, at);
    const own = begin(100);
    assert.deepEqual([own.deadline, own.isDeadlineCarried], [clock.nowMs() + 100, false]);
    const shortened = begin(undefined);
    lifecycle.shorten(shortened, 50);
    assert.deepEqual([shortened.deadline, shortened.isDeadlineCarried], [clock.nowMs() + 50, false]);
  });

  test('is as ever for a request that is over, has no deadline or is not known', () => {
    const { clock, fronted, begin } = make();
    const open = fronted.add(TRACE, undefined, clock.nowMs() + 500);
    assert.equal(begin(undefined, OTHER).deadline, Infinity);
    open.lift();
    assert.equal(begin(undefined).deadline, Infinity);
    const rest = begin(undefined, TRACE, 'rest');
    assert.deepEqual(
      [rest.deadline - clock.nowMs(), rest.hasOwnDeadline, rest.isDeadlineCarried],
      [1000, false, false],
    );
    open.remove();
    assert.equal(begin(undefined).deadline, Infinity);
  });

  test('is cancelled at once where nobody waits for it any more', () => {
    const { clock, fronted, begin } = make(true);
    fronted.add(TRACE, undefined, clock.nowMs() + 500).abandon(false);
    const { deadline, isDeadlineCarried, cancel } = begin(2000);
    assert.deepEqual([deadline, isDeadlineCarried], [clock.nowMs(), true]);
    const { kind, message, attributes } = cancel.reason!;
    assert.deepEqual([kind, attributes], ['deadline_exceeded', { stage: 'receive', reason: 'abandoned' }]);
    assert.match(message, /^nobody waits for this: the request that it is for has passed its deadline, or its client/);
    assert.equal(begin(2000, OTHER).cancel.reason, undefined);
  });

  test('is cancelled while it is under way, also where its application has a name of its own', async () => {
    const { fronted, lifecycle, clock } = make(true);
    const open = fronted.add(undefined, ID, Infinity);
    const identity = { caller: 'key:app' } as Principal;
    const context = lifecycle.begin({
      ...{ surface: 'grpc', method: 'Predict', receivedAt: clock.nowMs(), timeoutMs: undefined, requestId: ID },
      ...{ peer: '127.0.0.1', caller: 'local:1', identity, callerTrace: undefined },
    });
    context.admit(identity);
    open.abandon(true);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(context.cancel.reason?.kind, 'cancelled');
  });

  test('is cancelled at once where nothing is left', () => {
    const { clock, fronted, begin } = make();
    fronted.add(TRACE, undefined, clock.nowMs() - 5);
    const { deadline, cancel } = begin(undefined);
    assert.equal(deadline, clock.nowMs());
    assert.equal(cancel.reason?.kind, 'deadline_exceeded');
  });
});
