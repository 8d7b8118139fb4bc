/**
 * Large bodies over REST: read and written on the codec thread, with the answers and errors that the event loop would
 * give, while other requests go on.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CodecThread } from '../../src/codec-thread/codec-thread.ts';
import { CancelSignal } from '../../src/core/cancel.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { PuppetRunner } from '../support/puppet-models.ts';
import { MAX_TIMEOUT_MS, type RawAnswer, RestHarness } from '../support/rest-harness.ts';

const maxBodyBytes = 16 * 2 ** 20;
const PATH = '/v1/models/m:predict';
const SMALL = '{"instances":[1]}';

/** A body of about so many times 4 bytes. NaN is read word by word, which takes the thread more than a moment. */
const large = (words: number, tail = ']}', head = '{"instances":['): string =>
  `${head}${Array(words).fill('NaN').join(',')}${tail}`;

describe('a large body over REST', () => {
  const thread = new CodecThread(systemClock);
  const rest = new RestHarness({ maxBodyBytes, server: { thread } });
  const direct = new RestHarness({ maxBodyBytes });
  let runner: PuppetRunner;
  before(async () => {
    runner = rest.models.add('m');
    direct.models.add('m');
    await rest.listen();
    await direct.listen();
  });
  after(async () => {
    await rest.close();
    await direct.close();
    await thread.close();
  });

  async function post(server: RestHarness, path: string, body: string): Promise<RawAnswer> {
    const connection = await server.connect();
    connection.post(path, body);
    const answer = await connection.answer();
    connection.destroy();
    return answer;
  }

  it('does not keep a small one waiting that comes behind it', async () => {
    const [first, second] = [await rest.connect(), await rest.connect()];
    const order: string[] = [];
    first.post(PATH, large(1_000_000));
    // Once it is written, the server has read nearly all of it.
    await new Promise<void>((resolve) => first.socket.write('', () => resolve()));
    second.post(PATH, SMALL);
    await Promise.all([
      first.answer().then(() => order.push('large')),
      second.answer().then(() => order.push('small')),
    ]);
    assert.deepEqual(order, ['small', 'large']);
    first.destroy();
    second.destroy();
  });

  it('is answered as the event loop would answer it', async () => {
    const body = `{"inputs":[${Array.from({ length: 100_000 }, (_, i) => i / 7).join(',')}]}`;
    const answer = await post(rest, PATH, body);
    const wanted = await post(direct, PATH, body);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-length'), String(answer.body.length));
    assert.ok(answer.body.equals(wanted.body));
  });

  for (const [what, path, body] of [
    ['that breaks off', PATH, large(100_000, '')],
    ['that breaks off, for an unknown model', '/v1/models/none:predict', large(100_000, '')],
    ['for an unknown model', '/v1/models/none:predict', large(100_000)],
    ['for an unknown signature', PATH, large(100_000, '],"signature_name":"none"}')],
    ['without a known key', PATH, large(100_000, ']}', '{"junk":[')],
    ['with a wrong value', PATH, large(100_000, ',"x"]}')],
    ['with rows of unequal length', PATH, large(100_000, '],[1]]}', '{"instances":[[')],
    ['with an unknown input', PATH, large(100_000, ']}}', '{"inputs":{"z":[')],
    ['without examples', '/v1/models/m:classify', large(100_000)],
  ] as const) {
    it(`${what} is refused in the event loop’s words`, async () => {
      const answer = await post(rest, path, body);
      const wanted = await post(direct, path, body);
      assert.ok(answer.status >= 400);
      assert.deepEqual([answer.status, answer.body.toString()], [wanted.status, wanted.body.toString()]);
    });
  }

  /** Keeps the thread until the returned function is called. */
  function hold(): () => void {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    void thread.use({ cancel: new CancelSignal() }, () => held);
    return release;
  }

  it('whose deadline passes while it waits is answered then, and never reaches the model', async () => {
    const before = runner.requests.length;
    const connection = await rest.connect();
    const release = hold();
    connection.post(PATH, large(100_000));
    while (thread.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
    rest.clock.advance(MAX_TIMEOUT_MS);
    assert.equal((await connection.answer()).status, 504);
    release();
    assert.equal((await post(rest, PATH, SMALL)).status, 200);
    assert.deepEqual(await thread.use({ cancel: new CancelSignal() }, async () => 'free'), 'free');
    assert.equal(runner.requests.length, before + 1);
    connection.destroy();
  });

  it('whose client leaves while it waits never reaches the model', async () => {
    const before = runner.requests.length;
    const seen = rest.records.length;
    const connection = await rest.connect();
    const release = hold();
    connection.post(PATH, large(100_000));
    while (thread.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
    connection.destroy();
    const records = await rest.recorded(seen + 1);
    assert.equal(records.at(-1)?.outcome, 'cancelled');
    release();
    assert.deepEqual(await thread.use({ cancel: new CancelSignal() }, async () => 'free'), 'free');
    assert.equal(runner.requests.length, before);
  });
});
