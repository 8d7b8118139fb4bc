import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { afterEach, describe, it } from 'node:test';
import { type Ask, CodecThread } from '../../../src/codec-thread/codec-thread.ts';
import { CancelSignal, clientLeft } from '../../../src/core/cancel.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const BODY = '{"instances":[1]}';

describe('CodecThread', () => {
  const clock = new FakeClock();
  let thread = new CodecThread(clock);
  afterEach(async () => {
    await thread.close();
    thread = new CodecThread(clock);
  });
  const scan = (ask: Ask) => ask('scanPredict', Buffer.from(BODY));
  const wanted = () => ({ cancel: new CancelSignal() });
  const outline = { signatureName: undefined, instances: true, inputs: undefined };

  it('serves one user after another, in the order in which they came', async () => {
    const order: string[] = [];
    const use = (name: string): Promise<void> =>
      thread.use(wanted(), async (ask) => {
        order.push(`${name} begins`);
        await scan(ask);
        order.push(`${name} ends`);
      });
    await Promise.all([use('a'), use('b')]);
    assert.deepEqual(order, ['a begins', 'a ends', 'b begins', 'b ends']);
  });

  it('gives a job’s error to its user alone', async () => {
    const faulty = thread.ask(wanted(), 'scanPredict', Buffer.from('{"instances":[1'));
    const good = thread.ask(wanted(), 'scanPredict', Buffer.from(BODY));
    await assert.rejects(faulty, { kind: 'invalid_request', message: /not valid JSON at the end of its 15 bytes/ });
    assert.deepEqual(await good, outline);
  });

  it('takes over large memory, and leaves small memory, which others may share', async () => {
    const large = Buffer.alloc(2 ** 17, ' ');
    large.write(BODY);
    await thread.ask(wanted(), 'scanPredict', large);
    assert.equal(large.byteLength, 0);
    const small = Buffer.from(BODY);
    await thread.ask(wanted(), 'scanPredict', small);
    assert.equal(small.toString(), BODY);
  });

  it('skips a user that is not wanted any more when its turn comes', async () => {
    const leaving = wanted();
    let isRun = false;
    const first = thread.use(wanted(), scan);
    const second = thread.use(leaving, async () => {
      isRun = true;
    });
    leaving.cancel.cancel(clientLeft('decode'));
    await first;
    await assert.rejects(second, { kind: 'cancelled' });
    assert.equal(isRun, false);
    assert.deepEqual(await thread.use(wanted(), scan), outline);
  });

  it('refuses a user when too many wait, and serves those that do', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const uses = [thread.use(wanted(), () => held)];
    for (let i = 0; i < 64; i++) uses.push(thread.use(wanted(), async () => undefined));
    await assert.rejects(
      thread.use(wanted(), async () => undefined),
      { kind: 'overloaded', retryAfterMs: 1000, message: /64 large messages wait/ },
    );
    release();
    await Promise.all(uses);
    await thread.use(wanted(), scan);
  });

  it('fails the job of a thread that ends, and starts another one', async () => {
    await thread.use(wanted(), async (ask) => {
      const job = scan(ask);
      const lost = assert.rejects(job, { kind: 'worker_lost', message: /send it again/ });
      await Promise.all([lost, thread.close()]);
    });
    assert.deepEqual(await thread.use(wanted(), scan), outline);
  });

  it('ends when it has been idle, and starts again', async () => {
    assert.deepEqual(await thread.use(wanted(), scan), outline);
    clock.advance(10_000);
    assert.deepEqual(await thread.use(wanted(), scan), outline);
  });
});
