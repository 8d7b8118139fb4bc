import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import PQueue from 'p-queue';
import type { ModelConfig } from '../../../../src/config/model-config.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { LONG_LOAD_MS, runInTurn, VersionLoader } from '../../../../src/models/loading/version-loader.ts';
import type { Servable } from '../../../../src/models/serving/servable.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { turn } from '../../../support/turns.ts';

/** Names in the order in which their turn came; `giveBack` ends the one whose turn came first. */
function taking(concurrency: number) {
  const queue = new PQueue({ concurrency });
  const order: string[] = [];
  const ends: (() => void)[] = [];
  const take = (name: string, signal = new AbortController().signal): void => {
    const work = (): Promise<true> => {
      order.push(name);
      return new Promise((resolve) => ends.push(() => resolve(true)));
    };
    void runInTurn(queue, signal, work).then((isMine) => {
      if (isMine === undefined) order.push(`no ${name}`);
    });
  };
  return { queue, order, take, giveBack: () => ends.shift()!() };
}

describe('runInTurn', () => {
  it('lets in as many as the limit, the rest in the order in which they came', async () => {
    const { order, take, giveBack } = taking(2);
    for (const name of ['a', 'b', 'c', 'd']) take(name);
    await turn();
    assert.deepEqual(order, ['a', 'b']);
    giveBack();
    await turn();
    assert.deepEqual(order, ['a', 'b', 'c']);
  });

  it('leaves out who gave up waiting', async () => {
    const { order, take, giveBack } = taking(1);
    const abandon = new AbortController();
    take('a');
    take('b', abandon.signal);
    take('c');
    abandon.abort();
    await turn();
    assert.deepEqual(order, ['a', 'no b'], 'at once, not when its turn comes');
    giveBack();
    await turn();
    assert.deepEqual(order.toSorted(), ['a', 'c', 'no b']);
    take('d', abandon.signal);
    await turn();
    assert.equal(order.at(-1), 'no d');
  });

  it('lets in more when the limit grows, and none above one that shrank', async () => {
    const { queue, order, take, giveBack } = taking(1);
    for (const name of ['a', 'b', 'c']) take(name);
    queue.concurrency = 2;
    await turn();
    assert.deepEqual(order, ['a', 'b']);
    queue.concurrency = 1;
    giveBack();
    await turn();
    assert.deepEqual(order, ['a', 'b']);
    giveBack();
    await turn();
    assert.deepEqual(order, ['a', 'b', 'c']);
  });

  it('keeps the turn of work that is aborted until it has ended', async () => {
    const { order, take, giveBack } = taking(1);
    const abandon = new AbortController();
    take('a', abandon.signal);
    take('b');
    await turn();
    abandon.abort();
    await turn();
    assert.deepEqual(order, ['a']);
    giveBack();
    await turn();
    assert.deepEqual(order, ['a', 'b']);
  });

  it('rejects as its work does, and lets the next one begin', async () => {
    const queue = new PQueue({ concurrency: 1 });
    const { signal } = new AbortController();
    const failure = new Error('it does not load');
    await assert.rejects(
      runInTurn(queue, signal, () => Promise.reject(failure)),
      failure,
    );
    assert.equal(await runInTurn(queue, signal, () => Promise.resolve(7)), 7);
  });
});

describe('a load that takes long', () => {
  it('gives up its place to others, and goes on', async () => {
    const clock = new FakeClock();
    const begun: bigint[] = [];
    let finish!: (servable: Servable) => void;
    const loader = new VersionLoader({
      clock,
      turns: new PQueue({ concurrency: 1 }),
      maxRetries: 0,
      retryIntervalMs: 0,
      load: (_model, version) => {
        begun.push(version);
        return new Promise((resolve) => (finish = resolve));
      },
    });
    const request = {
      model: {} as ModelConfig,
      directory: '/m',
      signal: new AbortController().signal,
      onStart: () => undefined,
      onRetry: () => undefined,
      onProgress: () => undefined,
    };
    const slow = loader.load({ ...request, version: 1n });
    void loader.load({ ...request, version: 2n });
    await turn();
    assert.deepEqual(begun, [1n]);
    const finishSlow = finish;
    clock.advance(LONG_LOAD_MS);
    await turn();
    assert.deepEqual(begun, [1n, 2n]);
    const servable = { runner: {} } as Servable;
    finishSlow(servable);
    assert.equal(await slow, servable);
  });
});

describe('a load that crashes', () => {
  it('is tried once more, at once, and then no more', async () => {
    const clock = new FakeClock();
    let tries = 0;
    const loader = new VersionLoader({
      clock,
      turns: new PQueue({ concurrency: 1 }),
      maxRetries: 5,
      retryIntervalMs: 60_000,
      load: async () => {
        tries += 1;
        throw new ServingError('load_failed', 'it crashed', { attributes: { workerEnded: true, crashed: true } });
      },
    });
    const delays: number[] = [];
    const loading = loader.load({
      model: {} as ModelConfig,
      version: 1n,
      directory: '/m',
      signal: new AbortController().signal,
      onStart: () => undefined,
      onRetry: ({ delayMs }) => void delays.push(delayMs),
      onProgress: () => undefined,
    });
    const failed = assert.rejects(loading, /it crashed/);
    await turn();
    clock.advance(0);
    await failed;
    assert.deepEqual([tries, delays], [2, [0]]);
  });
});
