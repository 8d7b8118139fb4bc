import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { data, headers, PREFACE, ping, request, reset, settings, windowUpdate } from '../../support/http2-frames.ts';
import { playBytes } from '../../support/http2-peer.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

export const target: FuzzTarget = {
  says: 'connections of HTTP/2: the same events and answers, however the bytes come, and nothing left afterwards',
  maxBytes: 1024,
  words: [
    headers(1),
    request(3, 'ab'),
    data(1, Buffer.from('x'), true),
    ping(),
    reset(1, 8),
    windowUpdate(0, 1),
    settings(),
  ],
  seeds: [Buffer.concat([request(1, 'ab'), headers(3), ping(), data(3, Buffer.from('x'), true), reset(1, 8)])],
  async run(bytes) {
    const all = Buffer.concat([PREFACE, settings(), bytes]);
    const whole = await playBytes([all]);
    const pieces: Buffer[] = [];
    for (let at = 0; at < all.length; at += 11) pieces.push(all.subarray(at, at + 11));
    assert.deepEqual(await playBytes(pieces), whole);
  },
};
