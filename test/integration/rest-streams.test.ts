/** REST over HTTP/2, frame by frame: what HTTP/1.1 does not have. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { HpackDecoder } from '../../src/proxy/http2/hpack/hpack-decoder.ts';
import { data, F, type Fields, type Frame, headers, reset, T, windowUpdate } from '../support/http2-frames.ts';
import { describeFrames, Http2Peer } from '../support/http2-peer.ts';
import { never } from '../support/puppet-models.ts';
import { RestHarness } from '../support/rest-harness.ts';

const PATH = '/v1/models/m:predict';
const BODY = '{"instances":[1]}';
const END = F.END_HEADERS | F.END_STREAM;

function fields(method: string, path: string, ...more: Fields): Fields {
  return [[':method', method], [':scheme', 'http'], [':path', path], [':authority', 'test'], ...more];
}

describe('a stream of REST', () => {
  let rest: RestHarness;
  let peer: Http2Peer;
  let decoder: HpackDecoder;

  beforeEach(async () => {
    rest = new RestHarness({ server: { bodyTimeoutS: 5, hasCors: true }, maxTimeoutMs: 600_000 });
    rest.models.add('m');
    rest.models.add('stuck', { behave: never });
    peer = await open();
  });

  afterEach(async () => {
    await peer.close();
    await rest.close();
  });

  function open(ownSettings: Readonly<Record<number, number>> = {}): Promise<Http2Peer> {
    const { streams } = rest.server;
    decoder = new HpackDecoder(16_384);
    const handler = {
      onStream: streams.serve.bind(streams),
      onHeadersTooLarge: streams.refuseHeaders.bind(streams),
      onHandlerError: rest.onInternalError,
    };
    return Http2Peer.open({ handler, clock: rest.clock }, ownSettings);
  }

  function headOf(frames: readonly Frame[], at = 0): ReadonlyMap<string, string> {
    const { payload } = frames.filter(({ type }) => type === T.HEADERS)[at]!;
    return new Map(decoder.decode(payload, 0, payload.length).fields.map(({ name, value }) => [name, value]));
  }

  const textOf = (frames: readonly Frame[]): string =>
    Buffer.concat(frames.filter(({ type }) => type === T.DATA).map(({ payload }) => payload)).toString();

  /** The frames of stream `id`, once its answer has come. */
  async function answered(id: number, sent: readonly Frame[] = []): Promise<Frame[]> {
    const frames = [...sent];
    for (let i = 0; i < 50 && !frames.some(({ type }) => type === T.HEADERS || type === T.RST_STREAM); i++) {
      frames.push(...(await peer.ask()));
    }
    return frames.filter((frame) => frame.id === id);
  }

  async function isWell(id: number): Promise<void> {
    const frames = await answered(id, await peer.ask(headers(id, fields('POST', PATH)), data(id, BODY, true)));
    assert.equal(headOf(frames).get(':status'), '200');
  }

  test('is answered with HEADERS and DATA, and without a field of HTTP/1.1', async () => {
    const frames = await answered(1, await peer.ask(headers(1, fields('POST', PATH)), data(1, BODY, true)));
    const head = headOf(frames);
    assert.deepEqual(
      [head.get(':status'), head.get('content-length'), textOf(frames)],
      ['200', '21', '{"predictions":[1.0]}'],
    );
    for (const name of ['connection', 'keep-alive', 'transfer-encoding']) assert.equal(head.has(name), false);
    assert.deepEqual(describeFrames(frames).at(-1), 'DATA 1 0 END');
  });

  test('whose request ends with its head has an empty body; HEAD and an empty answer end with theirs', async () => {
    const empty = await answered(1, await peer.ask(headers(1, fields('POST', PATH), END)));
    assert.equal(headOf(empty).get(':status'), '400');
    const head = await answered(3, await peer.ask(headers(3, fields('HEAD', '/v1/models/m'), END)));
    assert.deepEqual(describeFrames(head), ['HEADERS 3 END']);
    assert.ok(Number(headOf(head).get('content-length')) > 0);
    const options = await answered(5, await peer.ask(headers(5, fields('OPTIONS', PATH), END)));
    assert.deepEqual(describeFrames(options), ['HEADERS 5 END']);
  });

  test('names its host, as in HTTP/1.1, and has no control character in a value', async () => {
    const hostless = fields('GET', '/v1/models/m').slice(0, 3);
    const none = await answered(1, await peer.ask(headers(1, hostless, END)));
    assert.deepEqual([headOf(none).get(':status'), /names no host/.test(textOf(none))], ['400', true]);
    const asHost = [...hostless, ['host', 'test'] as const];
    assert.equal(headOf(await answered(3, await peer.ask(headers(3, asHost, END)))).get(':status'), '200');
    const control = fields('GET', '/v1/models/m', ['x-request-id', 'a\x1bb']);
    const refused = await answered(5, await peer.ask(headers(5, control, END)));
    assert.deepEqual(
      [headOf(refused).get(':status'), /x-request-id.* has a control/.test(textOf(refused))],
      ['400', true],
    );
  });

  test('gets 431, in JSON and for pages of other origins, if its headers are too large', async () => {
    const large = fields('GET', '/v1/models/m', ['cookie', 'x'.repeat(16_384)]);
    const block = headers(1, large, F.END_STREAM);
    // The block is larger than a frame may be.
    const first = Buffer.from(block.subarray(0, 9 + 16_000));
    first.writeUIntBE(16_000, 0, 3);
    const rest_ = block.subarray(9 + 16_000);
    const more = Buffer.alloc(9);
    more.writeUIntBE(rest_.length, 0, 3);
    more[3] = T.CONTINUATION;
    more[4] = F.END_HEADERS;
    more.writeUInt32BE(1, 5);
    const frames = await answered(1, await peer.ask(first, more, rest_));
    const head = headOf(frames);
    assert.deepEqual([head.get(':status'), head.get('access-control-allow-origin')], ['431', '*']);
    assert.match(textOf(frames), /^\{"error":"the request headers are too large/);
    await isWell(3);
  });

  for (const [what, length, sent] of [
    ['longer than announced', '5', BODY],
    ['shorter than announced', '500', BODY],
  ] as const) {
    test(`${what}: it alone is reset, and its record says that the client left`, async () => {
      const frames = await peer.ask(headers(1, fields('POST', PATH, ['content-length', length])), data(1, sent, true));
      assert.deepEqual(describeFrames(frames.filter(({ id }) => id === 1)), ['RST_STREAM 1 code 1']);
      assert.equal((await rest.recorded(1))[0]!.outcome, 'cancelled');
      await isWell(3);
    });
  }

  test('may have trailers, which say nothing', async () => {
    const trailers = headers(1, [['x-checksum', '1']], END);
    const sent = await peer.ask(headers(1, fields('POST', PATH, ['te', 'trailers'])), data(1, BODY), trailers);
    assert.equal(headOf(await answered(1, sent)).get(':status'), '200');
  });

  test('that waits for 100 gets it before it sends, and none if it is refused', async () => {
    const expect = ['expect', '100-continue'] as const;
    const first = await peer.ask(headers(1, fields('POST', PATH, expect)));
    assert.equal(headOf(first).get(':status'), '100');
    const frames = await answered(1, await peer.ask(data(1, BODY, true)));
    assert.equal(headOf(frames).get(':status'), '200');
    const large = fields('POST', PATH, expect, ['content-length', '2000000']);
    assert.equal(headOf(await answered(3, await peer.ask(headers(3, large)))).get(':status'), '413');
  });

  test('is cancelled by a reset, amid its body and while it runs', async () => {
    await peer.ask(headers(1, fields('POST', PATH)), data(1, '{"inst'));
    await peer.ask(reset(1, 8));
    assert.equal((await rest.recorded(1))[0]!.outcome, 'cancelled');
    await peer.ask(headers(3, fields('POST', '/v1/models/stuck:predict')), data(3, BODY, true));
    await peer.ask(reset(3, 8));
    assert.equal((await rest.recorded(2))[1]!.outcome, 'cancelled');
    await isWell(5);
  });

  test('answered before its body has the small rest of it passed over', async () => {
    const nowhere = fields('POST', '/nowhere');
    const begun = await answered(1, await peer.ask(headers(1, nowhere), data(1, 'some')));
    assert.equal(headOf(begun).get(':status'), '404');
    assert.equal(describeFrames(begun).includes('DATA 1 0 END'), false);
    const more = await peer.ask(data(1, 'more', true));
    assert.deepEqual(describeFrames(more.filter(({ id }) => id === 1)), ['DATA 1 0 END']);
  });

  test('answered before its body, of whose length nothing is known, ends when much of it has been passed over', async () => {
    await answered(1, await peer.ask(headers(1, fields('POST', '/nowhere'))));
    const passed = [];
    for (let i = 0; i < 5; i++) passed.push(...(await peer.ask(data(1, Buffer.alloc(16_000)))));
    assert.deepEqual(describeFrames(passed.filter(({ type }) => type !== T.WINDOW_UPDATE)), [
      'DATA 1 0 END',
      'RST_STREAM 1 code 0',
    ]);
    await isWell(3);
  });

  test('answered before its body ends after a moment, or at once if much is to come: with NO_ERROR', async () => {
    await answered(1, await peer.ask(headers(1, fields('POST', '/nowhere')), data(1, 'some')));
    rest.clock.advance(1000);
    const late = await peer.ask();
    assert.deepEqual(describeFrames(late.filter(({ id }) => id === 1)), ['DATA 1 0 END', 'RST_STREAM 1 code 0']);
    const large = fields('POST', '/nowhere', ['content-length', '100000']);
    const atOnce = await answered(3, await peer.ask(headers(3, large)));
    assert.deepEqual(describeFrames(atOnce).slice(-2), ['DATA 3 0 END', 'RST_STREAM 3 code 0']);
    await isWell(5);
  });

  test('of which too little comes is given up', async () => {
    await peer.ask(headers(1, fields('POST', PATH)), data(1, '{'));
    for (let second = 0; second < 6; second++) rest.clock.advance(1000);
    const frames = await answered(1);
    assert.deepEqual([headOf(frames).get(':status'), rest.records[0]?.outcome], ['408', 'body_timeout']);
  });

  test('is written as far as the client opens its window', async () => {
    await peer.close();
    peer = await open({ 4: 10 });
    const begun = await answered(1, await peer.ask(headers(1, fields('POST', PATH)), data(1, BODY, true)));
    assert.equal(textOf(begun), '{"predicti');
    const more = await peer.ask(windowUpdate(1, 1000));
    assert.equal(textOf(more), 'ons":[1.0]}');
    assert.match(describeFrames(more).at(-1)!, /END$/);
  });

  test('answers the metrics and OPTIONS without a record', async () => {
    const page = await answered(1, await peer.ask(headers(1, fields('GET', '/monitoring/prometheus/metrics'), END)));
    assert.deepEqual([headOf(page).get(':status'), textOf(page)], ['200', 'up 1\n']);
    assert.deepEqual(rest.records, []);
  });
});
