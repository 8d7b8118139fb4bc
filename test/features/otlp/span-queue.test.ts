import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { bytesField, messageField } from '../../../src/codec/protobuf/wire-writer.ts';
import type { SpanQueueLimits } from '../../../src/features/otlp/span-limits.ts';
import { type EncodedSpans, SpanQueue } from '../../../src/features/otlp/span-queue.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { decodeExport } from '../../support/otlp-trace-messages.ts';

interface Export {
  /** Names of its spans. */
  readonly names: readonly string[];
  readonly count: number;
  settle(error?: Error): void;
}

function harness(limits: Partial<SpanQueueLimits> = {}) {
  const clock = new FakeClock();
  const exports: Export[] = [];
  const lost: [count: number, why: string][] = [];
  const send = ({ bytes, count }: EncodedSpans): Promise<void> =>
    new Promise((resolve, reject) => {
      const { resourceSpans } = decodeExport(Buffer.from(bytes));
      const names = resourceSpans![0]!.scopeSpans![0]!.spans!.map(({ name }) => name);
      exports.push({ names, count, settle: (error) => (error === undefined ? resolve() : reject(error)) });
    });
  const queue = new SpanQueue({
    clock,
    limits: { maxQueued: 6, maxExported: 3, delayMs: 1000, exportTimeoutMs: 500, ...limits },
    resource: messageField(1, ''),
    scope: messageField(1, bytesField(1, 'pillion')),
    send,
    onLost: (count, why) => lost.push([count, why]),
  });
  const add = (...names: readonly string[]): void => {
    for (const name of names) {
      const writer = queue.open();
      if (writer === undefined) continue;
      writer.reserve(name.length + 8);
      writer.bytes(messageField(2, bytesField(5, name)));
      queue.close();
    }
  };
  return { clock, exports, lost, queue, add };
}

describe('the queue of spans', () => {
  it('sends what is full at once, and one export after the other', async () => {
    const { exports, add } = harness();
    add('a', 'b', 'c', 'd', 'e', 'f');
    assert.deepEqual(
      exports.map(({ names, count }) => [names, count]),
      [[['a', 'b', 'c'], 3]],
    );
    exports[0]!.settle();
    await setImmediate();
    assert.deepEqual(exports[1]?.names, ['d', 'e', 'f']);
  });

  it('sends what is not full when the first of it has waited long enough', () => {
    const { clock, exports, add } = harness();
    add('a');
    clock.advance(999);
    add('b');
    assert.equal(exports.length, 0);
    clock.advance(1);
    assert.deepEqual(exports[0]?.names, ['a', 'b']);
  });

  it('loses what does not fit while a collector is slow, and counts it', async () => {
    const { exports, lost, add } = harness();
    add('a', 'b', 'c', '1', '2', '3', '4', '5', '6', '7', '8');
    assert.deepEqual(lost, [
      [1, 'queue_full'],
      [1, 'queue_full'],
    ]);
    exports[0]!.settle();
    await setImmediate();
    add('9');
    assert.equal(lost.length, 2);
    assert.deepEqual(exports[1]?.names, ['1', '2', '3']);
  });

  it('goes on after an export that failed, and after one that took too long', async () => {
    const { clock, exports, lost, add } = harness();
    add('a', 'b', 'c', 'd', 'e', 'f');
    exports[0]!.settle(new Error('refused'));
    await setImmediate();
    assert.deepEqual(lost, [[3, 'export_failed']]);
    clock.advance(500);
    await setImmediate();
    assert.deepEqual(lost[1], [3, 'export_failed']);
    add('g', 'h', 'i');
    assert.deepEqual(exports[2]?.names, ['g', 'h', 'i']);
  });

  it('takes back a span that was begun and not ended', () => {
    const { exports, queue, add } = harness();
    add('a');
    queue.open()!.bytes(Buffer.from('half a span'));
    add('b', 'c');
    assert.deepEqual(exports[0]?.names, ['a', 'b', 'c']);
  });

  it('fills a buffer again once its spans were taken, with room for larger ones', async () => {
    const { exports, add } = harness();
    const large = 'x'.repeat(100_000);
    for (const name of ['s', large, 't']) {
      add(name, name, name);
      assert.deepEqual(exports.at(-1)?.names, [name, name, name]);
      exports.at(-1)!.settle();
      await setImmediate();
    }
  });

  it('sends the rest at its end and takes no more', async () => {
    const { clock, exports, lost, queue, add } = harness();
    add('a', 'b', 'c', 'd');
    const ended = queue.shutdown();
    exports[0]!.settle();
    await setImmediate();
    assert.deepEqual(exports[1]?.names, ['d']);
    exports[1]!.settle();
    await ended;
    add('e');
    assert.deepEqual(lost, [[1, 'queue_full']]);
    assert.equal(clock.armed, 0);
  });

  it('counts what waits and what is being sent as lost, once, when nobody waits for it any longer', async () => {
    const { exports, lost, queue, add } = harness();
    add('a', 'b', 'c', 'd');
    const ended = queue.shutdown();
    queue.abandon();
    queue.abandon();
    assert.deepEqual(lost, [[4, 'export_failed']]);
    exports[0]!.settle();
    await ended;
    assert.deepEqual(lost, [[4, 'export_failed']]);
    assert.equal(exports.length, 1);
  });

  it('has nothing to end where nothing came', async () => {
    await harness().queue.shutdown();
  });
});
