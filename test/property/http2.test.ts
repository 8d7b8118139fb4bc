/** The engine under any bytes: the same whatever way they are cut, and never out of bounds or out of order. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeHeaders } from '../../src/proxy/http2/hpack/hpack-encoder.ts';
import {
  data,
  F,
  frame,
  headers,
  POST,
  PREFACE,
  parseFrames,
  ping,
  request,
  reset,
  settings,
  T,
  windowUpdate,
} from '../support/http2-frames.ts';
import { Http2Peer, playBytes } from '../support/http2-peer.ts';

/** What a client may send, more or less. */
const piece: fc.Arbitrary<Buffer> = fc.oneof(
  fc.record({ id: fc.nat(10), body: fc.string({ maxLength: 50 }) }).map(({ id, body }) => request(2 * id + 1, body)),
  fc.nat(10).map((id) => headers(2 * id + 1)),
  fc.nat(10).map((id) => headers(2 * id + 1, [['grpc-x', 'y']], F.END_HEADERS | F.END_STREAM)),
  fc
    .record({ id: fc.nat(12), length: fc.nat(20_000), isEnd: fc.boolean() })
    .map(({ id, length, isEnd }) => data(id, Buffer.alloc(Math.min(16_384, length)), isEnd)),
  fc
    .record({ id: fc.nat(12), increment: fc.oneof(fc.nat(100_000), fc.nat(2 ** 31 - 1)) })
    .map(({ id, increment }) => windowUpdate(id, increment)),
  fc.nat(12).map((id) => reset(id, 8)),
  fc.oneof(fc.nat(100), fc.nat(2 ** 31)).map((window) => settings({ 4: window })),
  fc.constant(ping()),
  fc
    .nat(12)
    .map((id) =>
      Buffer.concat([
        frame(T.HEADERS, F.END_STREAM, id, encodeHeaders(POST).subarray(0, 5)),
        frame(T.CONTINUATION, F.END_HEADERS, id, encodeHeaders(POST).subarray(5)),
      ]),
    ),
);

const garbageFrame: fc.Arbitrary<Buffer> = fc
  .record({ type: fc.nat(11), flags: fc.nat(255), id: fc.nat(9), payload: fc.uint8Array({ maxLength: 40 }) })
  .map(({ type, flags, id, payload }) => frame(type, flags, id, payload));

test('the same bytes give the same events and the same answer, however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
      async (pieces, cuts) => {
        const bytes = Buffer.concat([PREFACE, settings(), ...pieces]);
        const whole = await playBytes([bytes]);
        const chunks: Buffer[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = cuts[i % cuts.length]!;
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(await playBytes(chunks), whole);
      },
    ),
    { numRuns: 150 },
  );
});

test('one byte at a time', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 4 }), async (pieces) => {
      const bytes = Buffer.concat([PREFACE, settings(), ...pieces]);
      const single = Array.from(bytes, (byte) => Buffer.from([byte]));
      assert.deepEqual(await playBytes(single), await playBytes([bytes]));
    }),
    { numRuns: 30 },
  );
});

test('no bytes make it throw, hang, answer out of order or forget a stream', async () => {
  const any = fc.oneof(
    { weight: 5, arbitrary: piece },
    { weight: 5, arbitrary: garbageFrame },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }).map((a) => Buffer.from(a)) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(any, { maxLength: 30 }), fc.boolean(), async (pieces, hasPreface) => {
      const start = hasPreface ? [PREFACE, settings()] : [];
      const { frames, isEnded } = await playBytes([...start, ...pieces]);
      const answers = parseFrames(Buffer.from(frames, 'hex'));
      // A client that goes is answered with a GOAWAY too, and may break the rules afterwards.
      const goAway = answers.map(({ type }) => type).lastIndexOf(T.GOAWAY);
      // A connection error is told, and is the last word.
      if (isEnded) assert.equal(goAway, answers.length - 1);
      const ended = new Set<number>();
      for (const { type, flags, id } of answers) {
        if (type === T.HEADERS || type === T.DATA) assert.ok(!ended.has(id), `frame on stream ${id} after its end`);
        if (type === T.RST_STREAM || ((type === T.HEADERS || type === T.DATA) && (flags & 1) !== 0)) ended.add(id);
      }
    }),
    {
      numRuns: 500,
      examples: [
        [
          [
            '000014010400000001838404052f6563686f01096c6f63616c686f7374',
            '0000080700000000000000000000000000',
            '000000000000000000',
          ].map((hex) => Buffer.from(hex, 'hex')),
          true,
        ],
      ],
    },
  );
});

test('DATA never exceeds the windows that the client has opened', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('stream' as const), id: fc.nat(3), by: fc.integer({ min: 1, max: 30_000 }) }),
    fc.record({
      kind: fc.constant('connection' as const),
      id: fc.constant(0),
      by: fc.integer({ min: 1, max: 30_000 }),
    }),
    fc.record({ kind: fc.constant('initial' as const), id: fc.constant(0), by: fc.nat(30_000) }),
    fc.record({ kind: fc.constant('request' as const), id: fc.constant(0), by: fc.integer({ min: 1, max: 40_000 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const peer = await Http2Peer.open();
      let connection = 65_535;
      let initial = 65_535;
      const streams = new Map<number, { window: number; left: number }>();
      for (const { kind, id, by } of steps) {
        const streamId = 2 * id + 1;
        const stream = streams.get(streamId);
        if (kind === 'connection') {
          connection += by;
          await peer.send(windowUpdate(0, by));
        } else if (kind === 'stream' && stream !== undefined) {
          stream.window += by;
          await peer.send(windowUpdate(streamId, by));
        } else if (kind === 'initial') {
          for (const each of streams.values()) each.window += by - initial;
          initial = by;
          await peer.send(settings({ 4: by }));
        } else if (kind === 'request') {
          const next = 2 * streams.size + 1;
          streams.set(next, { window: initial, left: by });
          const body = Buffer.alloc(by);
          const parts = [body.subarray(0, 16_000), body.subarray(16_000, 32_000), body.subarray(32_000)];
          await peer.send(headers(next), ...parts.map((part, i) => data(next, part, i === 2)));
        }
        for (const { type, id: of, payload } of peer.take()) {
          if (type !== T.DATA) continue;
          connection -= payload.length;
          const target = streams.get(of)!;
          target.window -= payload.length;
          target.left -= payload.length;
          assert.ok(connection >= 0, 'past the window of the connection');
          assert.ok(payload.length === 0 || target.window >= 0, 'past the window of the stream');
        }
        // And nothing is held back that may go.
        for (const { window, left } of streams.values()) assert.ok(left === 0 || window <= 0 || connection === 0);
      }
      await peer.close();
    }),
    { numRuns: 100 },
  );
});
