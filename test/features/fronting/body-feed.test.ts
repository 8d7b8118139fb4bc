/** The client's body on its way to the application. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { BodyFeed } from '../../../src/proxy/fronting/body-feed.ts';
import type { SentRequest } from '../../../src/proxy/fronting/client-and-app.ts';
import type { RawHeaders } from '../../../src/proxy/fronting/heads/hop-headers.ts';

/** A request that keeps what it gets. */
class Kept implements SentRequest {
  readonly body = new PassThrough();
  trailers: RawHeaders | undefined;
  readonly ended: Promise<void>;
  #end = (): void => undefined;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  end(trailers: RawHeaders): void {
    this.trailers = trailers;
    this.body.end();
    this.#end();
  }

  breakOff(): void {}

  get text(): string {
    return String((this.body.read() as Buffer | null) ?? '');
  }
}

test('what was sent is sent again, with what has come since', async () => {
  const body = new PassThrough();
  const feed = new BodyFeed(body, true);
  feed.begin(() => ['x-sum', '1']);
  const [first, second, third] = [new Kept(), new Kept(), new Kept()];
  feed.feed(first);
  const seen = new Promise((resolve) => first.body.once('readable', resolve));
  body.write('one ');
  await seen;
  assert.equal(first.text, 'one ');
  feed.hold();
  body.write('two');
  assert.equal(feed.canRepeat, true);
  feed.feed(second);
  body.end();
  await second.ended;
  assert.equal(second.text, 'one two');
  assert.deepEqual(second.trailers, ['x-sum', '1']);
  assert.equal(first.trailers, undefined);
  // All of it has come, and can still be sent once more.
  feed.hold();
  feed.feed(third);
  await third.ended;
  assert.deepEqual([third.text, third.trailers, feed.isOver], ['one two', ['x-sum', '1'], true]);
});

test('a long body is kept no more, and none where it is of no use', async () => {
  for (const [length, keeps, canRepeat] of [
    [64 * 1024, true, true],
    [64 * 1024 + 1, true, false],
    [1, false, false],
  ] as const) {
    const feed = new BodyFeed(Readable.from([Buffer.alloc(length)]), keeps);
    feed.begin(() => []);
    const sent = new Kept();
    sent.body.resume();
    feed.feed(sent);
    await sent.ended;
    assert.equal(feed.canRepeat, canRepeat);
  }
});

test('a body that ended broken is not ended', async () => {
  const feed = new BodyFeed(Readable.from([Buffer.from('a')]), false);
  const sent = new Kept();
  await new Promise<void>((resolve) => {
    feed.begin(() => {
      setImmediate(resolve);
      return undefined;
    });
    feed.feed(sent);
  });
  assert.deepEqual([sent.text, sent.trailers, sent.body.writableEnded], ['a', undefined, false]);
});
