import assert from 'node:assert/strict';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { LiveFeed } from '../../../src/features/console/live-feed.ts';
import type { LiveTick } from '../../../src/features/console/live-report.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A feed on a fake clock behind a real socket; its ticks are numbered. */
async function harness(t: TestContext, text = '') {
  const clock = new FakeClock();
  const watched: boolean[] = [];
  let made = 0;
  const feed = new LiveFeed({
    clock,
    watch: (isWatched) => watched.push(isWatched),
    tick: (spanMs) => ({ at_ms: clock.wallMs(), n: ++made, span_ms: spanMs, text }) as unknown as LiveTick,
  });
  const server = createServer((request, response) => feed.answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const listen = (method = 'GET'): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, method, agent: false }, resolve).once('error', reject);
    });
  return { clock, feed, watched, listen, made: () => made };
}

/** Reads until the text holds `wanted`. */
async function read(answer: IncomingMessage, wanted: string): Promise<string> {
  let text = '';
  while (!text.includes(wanted)) {
    const chunk = (answer.read() as Buffer | null) ?? undefined;
    if (chunk === undefined) await setImmediate();
    else text += chunk.toString();
  }
  return text;
}

describe('GET /events', () => {
  it('makes one tick a second for all, while somebody listens', async (t) => {
    const { clock, feed, watched, listen, made } = await harness(t);
    clock.advance(10_000);
    assert.equal(made(), 0);
    const [first, second] = [await listen(), await listen()];
    assert.equal(first.headers['content-type'], 'text/event-stream');
    await read(first, 'event: history\ndata: []\n\n');
    assert.deepEqual(watched, [true]);
    clock.advance(1000);
    clock.advance(1000);
    assert.equal(made(), 2);
    for (const answer of [first, second]) {
      assert.match(await read(answer, '"n":2,'), /event: tick\ndata: \{"at_ms":\d+,"n":1,"span_ms":1000/);
    }
    first.destroy();
    second.destroy();
    while (feed.listeners > 0) await setImmediate();
    assert.deepEqual(watched, [true, false]);
    assert.equal(clock.armed, 0, 'no timer while nobody listens');
  });

  it('tells a newcomer what went before', async (t) => {
    const { clock, listen } = await harness(t);
    const first = await listen();
    clock.advance(1000);
    await read(first, '"n":1,');
    assert.match(await read(await listen(), '\n\n'), /event: history\ndata: \[\{"at_ms":\d+,"n":1,/);
  });

  it('tells who comes after a pause no more than three minutes, and counts from then on', async (t) => {
    const { clock, feed, listen } = await harness(t);
    const first = await listen();
    clock.advance(1000);
    await read(first, 'event: tick');
    first.destroy();
    while (feed.listeners > 0) await setImmediate();
    clock.advance(100_000);
    const second = await listen();
    assert.match(await read(second, '\n\n'), /event: history\ndata: \[\{"at_ms"/);
    clock.advance(1000);
    assert.match(await read(second, '\n\n'), /^event: tick\n.*"span_ms":1000/, 'the pause is in no tick');
    second.destroy();
    while (feed.listeners > 0) await setImmediate();
    clock.advance(181_000);
    await read(await listen(), 'event: history\ndata: []\n\n');
  });

  it('tells HEAD what GET would get, and takes it for no listener', async (t) => {
    const { feed, listen } = await harness(t);
    const answer = await listen('HEAD');
    answer.resume();
    await new Promise((resolve) => answer.once('end', resolve));
    assert.deepEqual([answer.headers['content-type'], feed.listeners], ['text/event-stream', 0]);
  });

  it('takes so many listeners and no more', async (t) => {
    const { listen } = await harness(t);
    for (let i = 0; i < 16; i++) assert.equal((await listen()).statusCode, 200);
    const late = await listen();
    assert.deepEqual([late.statusCode, late.headers['retry-after']], [429, '5']);
    late.resume();
  });

  it('drops a listener that does not read, and goes on for the others', async (t) => {
    const { clock, feed, listen } = await harness(t, 'x'.repeat(4 * 2 ** 20));
    (await listen()).pause();
    for (let i = 0; i < 12 && feed.listeners > 0; i++) {
      clock.advance(1000);
      await setImmediate();
    }
    assert.equal(feed.listeners, 0);
  });

  it('ends every stream when the server does', async (t) => {
    const { feed, listen } = await harness(t);
    const answer = await listen();
    answer.resume();
    feed.close();
    await new Promise((resolve) => answer.once('end', resolve));
  });
});
