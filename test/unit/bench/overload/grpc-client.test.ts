/** The load generator's client against node:http2, which is nobody's relative: real HPACK tables, Huffman, flow control. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { measureCapacity } from '../../../../bench/overload/client/closed-loop.ts';
import { ConnectionPool, firstCallsOf, type PoolTarget } from '../../../../bench/overload/client/connection-pool.ts';
import { LOST_CONNECTION, RESET } from '../../../../bench/overload/client/grpc-connection.ts';
import { OpenLoop } from '../../../../bench/overload/client/open-loop.ts';
import { Outcome } from '../../../../bench/overload/outcomes.ts';
import type { RequestPlan } from '../../../../bench/overload/request-plan.ts';

interface Seen {
  readonly path: string;
  readonly timeout: string;
  readonly body: Buffer;
  readonly caller: unknown;
}

type Handler = (stream: ServerHttp2Stream, seen: Seen) => void;

/** Answers the first call of each connection and model by itself; `handle` gets the rest. */
async function serve(t: TestContext, firstCalls: number, handle: Handler, settings = {}): Promise<PoolTarget> {
  const server: Http2Server = createServer({ settings });
  let calls = 0;
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const seen = {
        path: headers[':path']!,
        timeout: String(headers['grpc-timeout']),
        body: Buffer.concat(chunks),
        caller: headers['x-tenant'],
      };
      if (calls++ < firstCalls) answer(stream);
      else handle(stream, seen);
    });
  });
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    path: '/some.Service/Predict',
    messages: [Buffer.from('hello')],
    connections: 1,
  };
}

function answer(stream: ServerHttp2Stream, status = 0, text = 'world'): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () =>
    stream.sendTrailers({ 'grpc-status': String(status), 'x-noise': String(Math.random()) }),
  );
  stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, text.length]), Buffer.from(text)]));
}

function refuse(stream: ServerHttp2Stream, status: number): void {
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(status) },
    { endStream: true },
  );
}

interface End {
  readonly token: number;
  readonly status: number;
  readonly bytes: number;
}

/** Opens the pool, and gives a function that waits for so many ends. */
async function openPool(
  t: TestContext,
  target: PoolTarget,
): Promise<[ConnectionPool, (count: number) => Promise<End[]>]> {
  const ends: End[] = [];
  let wake = (): void => undefined;
  const pool = await ConnectionPool.open(target, (token, status, bytes) => {
    ends.push({ token, status, bytes });
    wake();
  });
  t.after(() => pool.close());
  const waitFor = async (count: number): Promise<End[]> => {
    while (ends.length < count) await new Promise<void>((resolve) => (wake = resolve));
    return ends;
  };
  return [pool, waitFor];
}

function planOf(at: readonly number[], changes: Partial<RequestPlan> = {}): RequestPlan {
  return {
    count: at.length,
    at: Float64Array.from(at),
    model: new Uint16Array(at.length),
    stream: new Uint16Array(at.length),
    objectiveMs: new Float64Array(at.length).fill(5000),
    cancelAt: new Float64Array(at.length).fill(Infinity),
    leadInMs: 0,
    lengthMs: 10,
    ...changes,
  };
}

describe('the client', () => {
  it('sends the message, the path and the timeout in µs, and tells each answer by its token', async (t) => {
    const seen: Seen[] = [];
    const target = await serve(t, 1, (stream, request) => {
      seen.push(request);
      answer(stream);
    });
    const [pool, ends] = await openPool(t, target);
    for (const [token, timeoutMs] of [12.3456, 0, -5, 1e9].entries()) pool.send(0, timeoutMs, token);
    pool.flush();
    assert.deepEqual(
      (await ends(4)).map(({ token, status }) => [token, status]),
      [0, 1, 2, 3].map((token) => [token, 0]),
    );
    assert.deepEqual(
      seen.map(({ timeout }) => timeout),
      ['00012345u', '00000001u', '00000001u', '99999999u'],
    );
    assert.equal(seen[0]!.path, '/some.Service/Predict');
    assert.deepEqual(seen[0]!.body, Buffer.from('\0\0\0\0\u0005hello'));
    assert.deepEqual(pool.answerBytes, [10]);
    assert.equal(pool.openCalls, 0);
  });

  it('sends each stream’s own message, and its caller with it', async (t) => {
    const seen: Seen[] = [];
    const target = {
      ...(await serve(t, 4, (stream, request) => {
        seen.push(request);
        answer(stream);
      })),
      models: 2,
      messages: ['s0 m0', 's0 m1', 's1 m0', 's1 m1'].map((text) => Buffer.from(text)),
      metadata: [null, null, ['x-tenant', 'b'], ['x-tenant', 'b']] as const,
    };
    assert.deepEqual(firstCallsOf({ ...target, connections: 3 }), [4, 2]);
    const plan = planOf([0, 1, 2], { stream: Uint16Array.of(0, 1, 1), model: Uint16Array.of(1, 0, 1) });
    const { outcomes, misshapen } = await new OpenLoop(plan).run(target);
    assert.deepEqual([...outcomes.kind, misshapen], [Outcome.ANSWERED, Outcome.ANSWERED, Outcome.ANSWERED, 0]);
    assert.deepEqual(
      seen.map(({ body, caller }) => [body.subarray(5).toString(), caller]),
      [
        ['s0 m1', undefined],
        ['s1 m0', 'b'],
        ['s1 m1', 'b'],
      ],
    );
  });

  it('asks again when its first call is refused', async (t) => {
    let refusals = 0;
    const target = await serve(t, 0, (stream) => (refusals++ < 2 ? refuse(stream, 14) : answer(stream)));
    const [pool] = await openPool(t, target);
    assert.deepEqual([refusals, pool.answerBytes], [3, [10]]);
  });

  it('sends messages of many frames whole', async (t) => {
    const message = Buffer.from(Array.from({ length: 20_000 }, (_, i) => i % 251));
    let body: Buffer | undefined;
    const target = {
      ...(await serve(t, 1, (stream, seen) => {
        body = seen.body;
        answer(stream);
      })),
      messages: [message],
    };
    const [pool, ends] = await openPool(t, target);
    await waitUntil(() => pool.send(0, 1000, 0) !== undefined);
    pool.flush();
    await ends(1);
    assert.deepEqual(body!.subarray(5), message);
  });

  it('recognizes refusals, resets and other ends', async (t) => {
    const kinds: Handler[] = [
      (stream) => refuse(stream, 8),
      (stream) => refuse(stream, 4),
      (stream) => answer(stream, 13),
      (stream) => stream.close(7),
      (stream) => stream.session!.destroy(),
    ];
    let call = 0;
    const target = await serve(t, 1, (stream, seen) => kinds[call++]!(stream, seen));
    const [pool, ends] = await openPool(t, target);
    for (const token of kinds.keys()) {
      pool.send(0, 1000, token);
      pool.flush();
      await ends(token + 1);
    }
    assert.deepEqual(
      (await ends(5)).map(({ status }) => status),
      [8, 4, 13, RESET, LOST_CONNECTION],
    );
    assert.ok(pool.failure instanceof Error);
    assert.equal(pool.send(0, 1000, 9), undefined);
  });

  it('takes a call back, once, and hears no more of it', async (t) => {
    const open: ServerHttp2Stream[] = [];
    const closed: number[] = [];
    const target = await serve(t, 1, (stream) => {
      open.push(stream);
      stream.on('close', () => closed.push(stream.rstCode));
    });
    const [pool, ends] = await openPool(t, target);
    const call = pool.send(0, 1000, 0)!;
    pool.flush();
    await waitUntil(() => open.length === 1);
    assert.deepEqual([pool.cancel(call), pool.cancel(call)], [true, false]);
    pool.flush();
    await waitUntil(() => closed.length === 1);
    assert.deepEqual([closed[0], pool.openCalls, (await ends(0)).length], [8, 0, 0]);
  });

  it('never opens more streams than the server allows', async (t) => {
    const waiting: ServerHttp2Stream[] = [];
    const target = await serve(t, 1, (stream) => waiting.push(stream), { maxConcurrentStreams: 2 });
    const [pool, ends] = await openPool(t, target);
    const sent = [0, 1, 2].map((token) => pool.send(0, 1000, token) !== undefined);
    pool.flush();
    assert.deepEqual(sent, [true, true, false]);
    await waitUntil(() => waiting.length === 2);
    for (const stream of waiting) answer(stream);
    await ends(2);
    assert.notEqual(pool.send(0, 1000, 3), undefined);
  });

  it('says which model does not answer its first call', async (t) => {
    const target = await serve(t, 0, (stream) => refuse(stream, 5));
    await assert.rejects(
      ConnectionPool.open(target, () => undefined),
      /message 0 was answered with gRPC status 5/,
    );
  });

  it('says that nobody listens', async () => {
    const target = { address: '127.0.0.1:1', path: '/', messages: [new Uint8Array(0)], connections: 1 };
    await assert.rejects(
      ConnectionPool.open(target, () => undefined),
      /ECONNREFUSED/,
    );
  });
});

describe('the open loop', () => {
  it('sends on although nothing was answered, and gives each request its outcome', async (t) => {
    const waiting: ServerHttp2Stream[] = [];
    const kinds: ((stream: ServerHttp2Stream) => void)[] = [
      (stream) => answer(stream),
      (stream) => refuse(stream, 8),
      (stream) => refuse(stream, 4),
      (stream) => refuse(stream, 14),
      (stream) => refuse(stream, 3),
    ];
    const target = await serve(t, 1, (stream) => {
      if (waiting.push(stream) === kinds.length) for (const [i, end] of kinds.entries()) end(waiting[i]!);
    });
    const { outcomes, misshapen } = await new OpenLoop(planOf([0, 1, 2, 3, 4])).run(target);
    const { ANSWERED, REFUSED, EXPIRED, FAILED } = Outcome;
    assert.deepEqual([...outcomes.kind], [ANSWERED, REFUSED, EXPIRED, REFUSED, FAILED]);
    for (const [i, at] of outcomes.sentAt.entries()) assert.ok(at >= i && at <= outcomes.endedAt[i]!);
    assert.equal(misshapen, 0);
  });

  it('counts answers of another length than the first', async (t) => {
    const target = await serve(t, 1, (stream) => answer(stream, 0, 'a longer one'));
    const { misshapen } = await new OpenLoop(planOf([0, 0])).run(target);
    assert.equal(misshapen, 2);
  });

  it('takes back what is to be taken back, and tells the server', async (t) => {
    let resets = 0;
    const target = await serve(t, 1, (stream) => stream.on('close', () => (resets += stream.rstCode === 8 ? 1 : 0)));
    const { outcomes } = await new OpenLoop(planOf([0, 0], { cancelAt: Float64Array.of(3, 6) })).run(target);
    assert.deepEqual([...outcomes.kind], [Outcome.CANCELLED, Outcome.CANCELLED]);
    await waitUntil(() => resets === 2);
  });

  it('holds what the server does not let it send, in order, and counts it', async (t) => {
    const target = await serve(t, 1, (stream) => setImmediate(() => answer(stream)), { maxConcurrentStreams: 1 });
    const { outcomes, held } = await new OpenLoop(planOf([0, 0, 0])).run(target);
    assert.deepEqual([...outcomes.kind], [Outcome.ANSWERED, Outcome.ANSWERED, Outcome.ANSWERED]);
    // Both that stood behind the first, although only one was at the head.
    assert.equal(held, 2);
    assert.ok(outcomes.sentAt[1]! >= outcomes.endedAt[0]!);
  });

  it('rejects when its connection is lost', async (t) => {
    const target = await serve(t, 1, (stream) => stream.session!.destroy());
    await assert.rejects(new OpenLoop(planOf([0, 5000])).run(target), /closed the connection|ECONNRESET|GOAWAY/);
  });
});

describe('the closed loop', () => {
  it('counts answers, and not refusals', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let calls = 0;
    const target = await serve(t, 1, (stream) => (calls++ % 2 === 0 ? answer(stream) : refuse(stream, 8)));
    // It ends when the test says so; until then time passes for the pauses after refusals alone.
    const measureMs = 1e9;
    const loop = { models: [0], zipf: 0, calls: 2, warmUpMs: 0, measureMs, seed: 1 };
    const measured = measureCapacity(target, loop);
    await waitUntil(() => {
      t.mock.timers.tick(5);
      return calls >= 20;
    });
    t.mock.timers.tick(measureMs);
    const { answersPerSecond, failed } = await measured;
    const answered = Math.round((answersPerSecond * measureMs) / 1000);
    assert.ok(answered > 0 && failed > 0);
    assert.ok(answered + failed <= calls);
  });
});

/** Polls by turns of the event loop. */
async function waitUntil(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}
