/** Exchanges of gRPC calls, with a clock that stands still and a puppet engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientLeft } from '../../../src/core/cancel.ts';
import { DeadlineTimer } from '../../../src/core/deadline-timer.ts';
import { GrpcStatus, ServingError, SharedError } from '../../../src/core/errors.ts';
import { noTelemetry, type RequestRecord } from '../../../src/ledger/request-record.ts';
import type { AccessControl, Identity } from '../../../src/proxy/access-control.ts';
import { lookupCall } from '../../../src/proxy/call.ts';
import type { Method } from '../../../src/proxy/exchange.ts';
import {
  type CallFacts,
  type CallReader,
  type CallStatus,
  type GrpcCall,
  MESSAGE_HEAD_BYTES,
  type MetadataEntries,
} from '../../../src/proxy/grpc/engine.ts';
import { OK } from '../../../src/proxy/grpc/grpc-errors.ts';
import { unaryMethod } from '../../../src/proxy/grpc/grpc-wire.ts';
import type { RequestContext } from '../../../src/proxy/request-context.ts';
import { RequestLifecycle } from '../../../src/proxy/request-lifecycle.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { principalOf } from '../../support/rule-principal.ts';

class PuppetCall implements GrpcCall, CallFacts {
  readonly head = this;
  readonly path = '/s/M';
  readonly peer = 'test';
  readonly client = undefined;
  readonly receivedAt: number;
  readonly timeoutMs: number | undefined;
  readonly sent: Uint8Array[] = [];
  headers: MetadataEntries | undefined;
  status: CallStatus | undefined;
  isMemoryFree = false;
  readonly caller = {
    ...{ name: 'test', requestId: undefined, userAgent: undefined, askedReport: undefined },
    ...{ trace: undefined, visitor: undefined, token: undefined },
  };

  constructor(receivedAt: number, timeoutMs: number | undefined) {
    this.receivedAt = receivedAt;
    this.timeoutMs = timeoutMs;
  }

  get isEnded(): boolean {
    return this.status !== undefined;
  }

  metadata(): undefined {}

  binaryMetadata(): undefined {}

  setHeaders(headers: MetadataEntries): void {
    this.headers = headers;
  }

  send(message: Uint8Array): void {
    if (!this.isEnded) this.sent.push(message);
  }

  answer(buffer: Uint8Array): void {
    this.send(buffer.subarray(MESSAGE_HEAD_BYTES));
    this.end(OK);
  }

  end(status: CallStatus): void {
    this.status ??= status;
  }

  forget(): void {
    this.isMemoryFree = true;
  }

  refuse(status: CallStatus): void {
    this.isMemoryFree = true;
    this.end(status);
  }
}

/** A method whose whole work is one function. */
type Handle = (message: Uint8Array, context: RequestContext) => Uint8Array | Promise<Uint8Array>;

function methodOf(handle: Handle): Method<Uint8Array, Uint8Array> {
  return {
    name: 'M',
    access: undefined,
    decode: (message, _path, context) => lookupCall(undefined, () => handle(message, context)),
    encode: (answer) => answer,
  };
}

const REQUEST = Uint8Array.of(1, 2, 3);
const ANSWER = Uint8Array.of(4, 5);
const WITH_ROOM = Uint8Array.of(0, 0, 0, 0, 0, ...ANSWER);

class Bench {
  readonly clock = new FakeClock();
  readonly records: RequestRecord[] = [];
  readonly internal: unknown[] = [];
  readonly lifecycle = new RequestLifecycle({
    clock: this.clock,
    deadlines: new DeadlineTimer(this.clock),
    telemetry: { ...noTelemetry, recordRequest: (record) => this.records.push(record) },
    maxTimeoutMs: { grpc: 10_000, rest: 10_000 },
  });

  start(handle: Handle, timeoutMs?: number): { call: PuppetCall; reader: CallReader } {
    const call = new PuppetCall(this.clock.nowMs(), timeoutMs);
    const shared = { lifecycle: this.lifecycle, onInternalError: (error: unknown) => this.internal.push(error) };
    return { call, reader: unaryMethod('s', methodOf(handle), shared).start(call) };
  }

  get outcomes(): readonly string[] {
    return this.records.map((record) => record.outcome);
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits for the test; rejects when cancelled, as the scheduler does. */
function waiting(): { handle: Handle; answer: () => void } {
  let answer = (): void => undefined;
  const handle = (_: Uint8Array, context: RequestContext): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      answer = () => resolve(WITH_ROOM);
      context.cancel.listener = { onCancel: reject };
    });
  return { handle, answer: () => answer() };
}

test('an answer is sent with OK and recorded once', async () => {
  const bench = new Bench();
  const { call, reader } = bench.start(() => WITH_ROOM);
  reader.onMessage(REQUEST);
  await settle();
  assert.deepEqual([call.sent, call.status?.code], [[ANSWER], GrpcStatus.OK]);
  assert.deepEqual(bench.outcomes, ['ok']);
  assert.deepEqual([bench.records[0]!.requestBytes, bench.records[0]!.responseBytes], [3, 2]);
  assert.equal(bench.lifecycle.inFlight, 0);
});

test('while draining the call ends before its message has come, and the handler is not called', async () => {
  const bench = new Bench();
  await bench.lifecycle.drain();
  const { call, reader } = bench.start(() => assert.fail('called'));
  assert.equal(call.status?.code, GrpcStatus.UNAVAILABLE);
  reader.onMessage(REQUEST);
  await settle();
  assert.deepEqual(bench.outcomes, ['draining']);
});

test('a deadline that passes before the message is whole ends the call; the late message is dropped', async () => {
  const bench = new Bench();
  const { call, reader } = bench.start(() => assert.fail('called'), 50);
  bench.clock.advance(50);
  assert.equal(call.status?.code, GrpcStatus.DEADLINE_EXCEEDED);
  reader.onMessage(REQUEST);
  await settle();
  assert.deepEqual(bench.outcomes, ['deadline_exceeded']);
});

test('a deadline that passes while the handler waits ends the call with its text', async () => {
  const bench = new Bench();
  const { handle, answer } = waiting();
  const { call, reader } = bench.start(handle, 50);
  reader.onMessage(REQUEST);
  bench.clock.advance(50);
  await settle();
  assert.equal(call.status?.code, GrpcStatus.DEADLINE_EXCEEDED);
  assert.match(call.status.message, /^deadline of 50 ms/);
  answer();
  await settle();
  assert.deepEqual([call.sent, bench.outcomes], [[], ['deadline_exceeded']]);
});

test('a client that leaves is cancelled; near its deadline it is the deadline that passed', async () => {
  const bench = new Bench();
  const left = bench.start(waiting().handle, 50);
  left.reader.onMessage(REQUEST);
  left.reader.onAbort(clientLeft('transport'));
  await settle();
  const late = bench.start(waiting().handle, 50);
  late.reader.onMessage(REQUEST);
  bench.clock.advance(47);
  late.reader.onAbort(clientLeft('transport'));
  await settle();
  bench.clock.advance(3);
  await settle();
  assert.deepEqual(bench.outcomes, ['cancelled', 'deadline_exceeded']);
  assert.equal(bench.lifecycle.inFlight, 0);
});

test('an answer to a request that was cancelled meanwhile is not sent', async () => {
  const bench = new Bench();
  let finish = (): void => undefined;
  // This handler does not listen to the signal.
  const { call, reader } = bench.start(() => new Promise((resolve) => (finish = () => resolve(WITH_ROOM))));
  reader.onMessage(REQUEST);
  reader.onAbort(clientLeft('transport'));
  finish();
  await settle();
  assert.deepEqual([call.sent, bench.outcomes], [[], ['cancelled']]);
});

test('an abort after the answer, or twice, changes nothing', async () => {
  const bench = new Bench();
  const { reader } = bench.start(() => WITH_ROOM);
  reader.onMessage(REQUEST);
  await settle();
  reader.onAbort(clientLeft('transport'));
  reader.onAbort(clientLeft('transport'));
  assert.deepEqual(bench.outcomes, ['ok']);
});

test('a ServingError is the status; an unknown throw is INTERNAL, and its cause is reported', async () => {
  const bench = new Bench();
  const known = bench.start(() => {
    throw new ServingError('overloaded', 'full', { retryAfterMs: 5 });
  });
  known.reader.onMessage(REQUEST);
  const cause = new TypeError('a bug');
  const unknown = bench.start(() => Promise.reject(cause));
  unknown.reader.onMessage(REQUEST);
  await settle();
  assert.equal(known.call.status?.trailers?.['grpc-retry-pushback-ms'], '5');
  assert.equal(unknown.call.status?.code, GrpcStatus.INTERNAL);
  assert.ok(!unknown.call.status.message.includes('bug'));
  assert.deepEqual([bench.outcomes, bench.internal], [['overloaded', 'internal'], [cause]]);
});

test('a refusal is answered before anything else happens, and only then is the message nobody’s', async () => {
  const bench = new Bench();
  const full = new ServingError('overloaded', 'full');
  const refused = bench.start(() => {
    throw full;
  });
  refused.reader.onMessage(REQUEST);
  assert.deepEqual([refused.call.status?.code, refused.call.isMemoryFree], [GrpcStatus.RESOURCE_EXHAUSTED, true]);
  const failed = bench.start(() => Promise.reject(full));
  failed.reader.onMessage(REQUEST);
  await settle();
  assert.deepEqual([failed.call.status?.code, failed.call.isMemoryFree], [GrpcStatus.RESOURCE_EXHAUSTED, false]);
  assert.deepEqual(bench.outcomes, ['overloaded', 'overloaded']);
});

test('a refusal without decoding comes behind the question who may ask', async () => {
  const bench = new Bench();
  const overloaded = new SharedError(new ServingError('overloaded', 'full', { retryAfterMs: 5 }));
  let decoded = 0;
  const method: Method<Uint8Array, Uint8Array> = {
    ...methodOf(() => ANSWER),
    access: 'predict',
    decode: () => {
      decoded += 1;
      throw new Error('decoded');
    },
    refusal: (_body, _path, _context, permit) => {
      permit.permit('m');
      return overloaded;
    },
  };
  // Nothing is refused unread unless something was refused a moment ago.
  bench.start(() => ANSWER, 0);
  const codeFor = (identity: Identity | undefined, isKnown = true): number | undefined => {
    const call = new PuppetCall(bench.clock.nowMs(), 100);
    Object.assign(call.caller, { visitor: { identify: () => identity } });
    const access = { noteFailure: () => undefined } as unknown as AccessControl;
    const shared = { lifecycle: bench.lifecycle, onInternalError: () => undefined, ...(isKnown && { access }) };
    const reader = unaryMethod('s', method, shared).start(call);
    if (!call.isEnded) reader.onMessage(REQUEST);
    return call.status?.code;
  };
  const rule = { models: ['m'], methods: ['predict'] } as const;
  assert.equal(codeFor(undefined), GrpcStatus.UNAUTHENTICATED);
  assert.equal(codeFor(principalOf('eve', { ...rule, models: ['other'] })), GrpcStatus.PERMISSION_DENIED);
  assert.equal(codeFor(principalOf('eve', { ...rule, surfaces: ['rest'] })), GrpcStatus.PERMISSION_DENIED);
  assert.equal(codeFor(principalOf('ann', rule)), GrpcStatus.RESOURCE_EXHAUSTED);
  assert.equal(codeFor(undefined, false), GrpcStatus.RESOURCE_EXHAUSTED, 'without an authorization file');
  assert.equal(decoded, 0);
  assert.deepEqual(bench.outcomes.slice(-2), ['overloaded', 'overloaded']);
});
