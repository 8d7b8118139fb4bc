/** Many at once: more requests than may wait, requests that follow without waiting, connections that come and go. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { PREFACE, settings, T } from '../support/http2-frames.ts';
import { frame, openSession, rawCall } from '../support/raw-grpc.ts';
import { RawConnection } from '../support/rest-harness.ts';
import { GrpcClient, readAnswer, restBytes, type SurfaceAnswer } from '../support/surface-clients.ts';
import { floats, outputOf, PREDICT, predict } from '../support/surface-request.ts';
import { MAX_BATCH, MAX_QUEUED_ROWS, type SurfaceSidecar } from '../support/surface-sidecar.ts';
import type { Protocol } from './surface-contract.ts';
import type { Arena } from './surface-contract-arena.ts';
import { plug, predictSlow } from './surface-contract-stages.ts';

const CROWD = 2000;
/** Each sends fewer than may be open on one connection of HTTP/1.1. */
const CONNECTIONS = 200;
const REFUSED =
  /^\d+ rows of signature "serving_default" wait; 1 more would pass the limit of 400 .*; retry after \d+ ms or raise max_enqueued_batches/;

/** One row each, with the value `i`; all are sent before any is answered. */
async function crowd({ server, clients }: Arena, surface: Protocol): Promise<Promise<SurfaceAnswer>[]> {
  const requests = Array.from({ length: CROWD }, (_, i) => predictSlow(1, i));
  if (surface === 'grpc') return requests.map(({ grpc }) => clients.grpc.send(grpc));
  const answers: Promise<SurfaceAnswer>[] = new Array(CROWD);
  for (let c = 0; c < CONNECTIONS; c++) {
    const connection = new RawConnection(server.rest);
    await connection.opened();
    const mine = Array.from({ length: CROWD / CONNECTIONS }, (_, i) => c + i * CONNECTIONS);
    connection.send(Buffer.concat(mine.map((i) => restBytes(requests[i]!.rest))));
    let last: Promise<unknown> = Promise.resolve();
    for (const i of mine) {
      answers[i] = last.then(() => readAnswer(connection));
      last = answers[i]!;
    }
    void last.then(() => connection.destroy());
  }
  return answers;
}

function outputIn(answer: SurfaceAnswer, surface: Protocol): unknown {
  if (surface === 'grpc') return outputOf(answer.body).values;
  return (JSON.parse(answer.body.toString()) as { outputs: number[][] }).outputs[0];
}

export function describeOverload(surface: Protocol, arena: () => Arena): void {
  test(`${surface}: of ${CROWD} at once those that may wait are answered right, all others are told when to come back`, async () => {
    const { server, clients } = arena();
    const start = await server.untilQuiet();
    const refused = start.refusals(surface, 'overloaded');
    const plugged = await plug(server);
    const sent = await crowd(arena(), surface);
    const full = await server.until(
      (page) => page.refusals(surface, 'overloaded') - refused + page.inFlight - 1 === CROWD,
    );
    assert.ok(full.value('pillion_queue_rows', { model: 'slow' }) <= MAX_QUEUED_ROWS);
    await plugged.leave();
    const answers = await Promise.all(sent);
    let answered = 0;
    for (const [i, answer] of answers.entries()) {
      if (answer.code === (surface === 'rest' ? 200 : 0)) {
        answered += 1;
        assert.deepEqual(outputIn(answer, surface), [i]);
        continue;
      }
      assert.equal(answer.code, surface === 'rest' ? 429 : 8, answer.text);
      assert.match(answer.text, REFUSED);
      assert.ok(answer.retryAfterMs! > 0);
    }
    const end = await server.untilQuiet();
    assert.equal(end.refusals(surface, 'overloaded') - refused, CROWD - answered);
    assert.ok(answered > 0 && answered <= MAX_QUEUED_ROWS, `${answered} were answered`);
    const rows = end.ran('slow').rows - start.ran('slow').rows;
    assert.equal((rows - answered) % MAX_BATCH, 0, 'what was refused has run');
    await clients[surface].good();
  });
}

const BAD = restBytes({ body: '{"instances":[[1,2]]}' });
const GOOD = restBytes({ body: '{"instances":[[1,2,3,4]]}' });

export function describePipelining(arena: () => Arena): void {
  describe('rest: requests that do not wait for each other’s answers', () => {
    test('good and bad in one write are answered in their order', async () => {
      const connection = new RawConnection(arena().server.rest);
      await connection.opened();
      connection.send(Buffer.concat([GOOD, GOOD, BAD, GOOD, BAD, BAD, GOOD]));
      const codes: number[] = [];
      for (let i = 0; i < 7; i++) codes.push((await readAnswer(connection)).code);
      assert.deepEqual(codes, [200, 200, 400, 200, 400, 400, 200]);
      connection.destroy();
    });

    test('one that is split at every byte is still one', async () => {
      const connection = new RawConnection(arena().server.rest);
      await connection.opened();
      connection.socket.setNoDelay(true);
      for (const byte of GOOD) await new Promise((resolve) => connection.socket.write(Buffer.of(byte), resolve));
      assert.equal((await readAnswer(connection)).code, 200);
      connection.destroy();
    });

    test('a bad string does not spoil the batch that it would have shared', async () => {
      const connection = new RawConnection(arena().server.rest);
      await connection.opened();
      const strings = (text: string): Buffer =>
        restBytes({ path: '/v1/models/string:predict', body: `{"instances":[["${text}","x"]]}` });
      connection.send(Buffer.concat([strings('a'), strings('\\u0000'), strings('b')]));
      const answers = [await readAnswer(connection), await readAnswer(connection), await readAnswer(connection)];
      assert.deepEqual(
        answers.map(({ code, body }) => (code === 200 ? body.toString() : code)),
        ['{"predictions":[["a","x"]]}', 400, '{"predictions":[["b","x"]]}'],
      );
      connection.destroy();
    });
  });
}

const PASSING = 500;

export function describeConnections(arena: () => Arena): void {
  for (const surface of ['rest', 'grpc'] as const) {
    test(`${surface}: ${PASSING} connections that open, say a byte or nothing, and go`, async () => {
      const { server, clients } = arena();
      const before = (await server.untilQuiet()).refusals(surface);
      for (let i = 0; i < PASSING; i += 50) {
        await Promise.all(Array.from({ length: 50 }, (_, j) => passBy(server, surface, (i + j) % 3)));
      }
      await clients[surface].good();
      assert.equal((await server.untilQuiet()).refusals(surface), before);
    });
  }
}

async function passBy(server: SurfaceSidecar, surface: Protocol, manner: number): Promise<void> {
  const socket = await opened(surface === 'rest' ? server.rest : server.grpc);
  if (manner > 0) socket.write('P');
  if (manner === 2) socket.resetAndDestroy();
  else socket.destroy();
  await new Promise((resolve) => socket.once('close', resolve));
}

async function opened(address: string): Promise<Socket> {
  const colon = address.lastIndexOf(':');
  const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)) });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

/** Resolves when the server has ended a connection, or said that it will (GOAWAY). */
async function refused(socket: Socket): Promise<void> {
  let received = Buffer.alloc(0);
  await new Promise<void>((resolve) => {
    socket.once('close', resolve);
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
      for (let at = 0; at + 9 <= received.length; at += 9 + received.readUIntBE(at, 3)) {
        if (received[at + 3] === T.GOAWAY) resolve();
      }
    });
  });
  socket.destroy();
}

/** What the gRPC port must end the connection for, and that connection alone. */
const GARBAGE: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ['a TLS ClientHello', Buffer.from('16030100c0010000bc0303', 'hex')],
  ['HTTP/1.1', GOOD],
  ['bytes', Buffer.alloc(100, 0xff)],
  ['zeros', Buffer.alloc(100)],
  [
    'no SETTINGS after the preface',
    Buffer.concat([PREFACE, Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0]), Buffer.alloc(8)]),
  ],
  ['a frame of 16 megabytes', Buffer.concat([PREFACE, settings(), Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])])],
  ['DATA on stream 0', Buffer.concat([PREFACE, settings(), Buffer.from([0, 0, 1, 0, 0, 0, 0, 0, 0, 0])])],
  [
    'HEADERS that no table can decode',
    Buffer.concat([PREFACE, settings(), Buffer.from([0, 0, 4, 1, 5, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff])]),
  ],
  ['a SETTINGS of five bytes', Buffer.concat([PREFACE, Buffer.from([0, 0, 5, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])])],
  ['a PUSH_PROMISE', Buffer.concat([PREFACE, settings(), Buffer.from([0, 0, 4, 5, 4, 0, 0, 0, 1, 0, 0, 0, 2])])],
];

export function describeGrpcGarbage(arena: () => Arena): void {
  describe('grpc: what is no HTTP/2 ends its connection and no other', () => {
    for (const [name, bytes] of GARBAGE) {
      test(name, async () => {
        const { server, clients } = arena();
        const socket = await opened(server.grpc);
        const ended = refused(socket);
        socket.write(bytes);
        await ended;
        await clients.grpc.good();
        await clients.grpc.good(true);
      });
    }
  });
}

const GOOD_MESSAGE = predict({ model: 'float', inputs: { x: floats(1, 2, 3, 4) } }).grpc.message!;

export function describeGrpcHeaders(arena: () => Arena): void {
  describe('grpc: headers', () => {
    for (const [name, headers] of [
      ['of a megabyte', { 'x-a': 'a'.repeat(1_000_000) }],
      ['by the thousand', Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`x-${i}`, 'v']))],
    ] as const) {
      test(`${name} are refused, and the client goes on`, async () => {
        const { server, clients } = arena();
        const other = await GrpcClient.open(server.grpc);
        assert.notEqual((await other.send({ message: GOOD_MESSAGE, headers })).code, 0);
        await other.good();
        await other.close();
        await clients.grpc.good();
      });
    }

    test('of another content type are of a request of REST, and the connection goes on', async () => {
      const session = openSession(arena().server.grpc);
      const bad = await rawCall(session, PREDICT, frame(GOOD_MESSAGE), { 'content-type': 'application/json' });
      // Without REST on this port it is 415: integration/grpc-errors.test.ts.
      assert.equal(bad.status, 404);
      assert.equal((await rawCall(session, PREDICT, frame(GOOD_MESSAGE))).grpcStatus, 0);
      session.destroy();
    });
  });
}
