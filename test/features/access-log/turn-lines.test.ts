import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type LineDestination, TurnLines } from '../../../src/features/access-log/turn-lines.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Takes so many bytes; they leave when the test says so. */
class PuppetDestination extends EventEmitter implements LineDestination {
  readonly written: string[] = [];
  isEnded = false;
  #held = 0;
  readonly #most: number;

  constructor(most = Infinity) {
    super();
    this.#most = most;
  }

  write(text: string): boolean {
    if (this.#held + text.length > this.#most) this.emit('drop', text);
    else {
      this.#held += text.length;
      this.written.push(text);
    }
    return true;
  }

  leave(bytes = this.#held): void {
    this.#held -= bytes;
    this.emit('write', bytes);
    if (this.#held === 0) this.emit('drain');
    if (this.#held === 0 && this.isEnded) this.emit('close');
  }

  end(): void {
    this.isEnded = true;
    if (this.#held === 0) this.emit('close');
  }

  flushSync(): void {
    throw new Error('it would wait for a reader');
  }
}

function linesTo(destination: PuppetDestination) {
  const clock = new FakeClock();
  const told: number[] = [];
  const lines = new TurnLines({ destination, clock, onLost: (count) => told.push(count) });
  return { clock, told, lines };
}

it('the lines of a turn are written together, at its end', async () => {
  const destination = new PuppetDestination();
  const { lines } = linesTo(destination);
  lines.add('a\n');
  lines.add('b\n');
  assert.deepEqual(destination.written, []);
  await setImmediate();
  assert.deepEqual(destination.written, ['a\nb\n']);
  lines.add('c\n');
  await setImmediate();
  assert.deepEqual(destination.written, ['a\nb\n', 'c\n']);
});

it('a turn with very many lines holds few of them', () => {
  const destination = new PuppetDestination();
  const { lines } = linesTo(destination);
  const line = `${'x'.repeat(999)}\n`;
  for (let i = 0; i < 1000; i++) lines.add(line);
  assert.ok(destination.written.length > 10);
  assert.ok(destination.written.every((text) => text.length <= 65 * 1024));
});

it('what the destination does not take is lost, counted, and told when it takes lines again', async () => {
  const destination = new PuppetDestination(4);
  const { told, lines } = linesTo(destination);
  lines.add('a\n');
  await setImmediate();
  for (const line of ['b\n', 'c\n']) lines.add(line);
  await setImmediate();
  assert.deepEqual([lines.lost, told], [2, []]);
  destination.leave();
  assert.deepEqual(told, [2]);
  lines.add('d\n');
  await setImmediate();
  destination.leave();
  assert.deepEqual([destination.written, lines.lost, told], [['a\n', 'd\n'], 2, [2]]);
});

it('a reader that has gone for good makes all lines lost, and is not written to', async () => {
  const destination = new PuppetDestination();
  const { told, lines } = linesTo(destination);
  for (const line of ['a\n', 'b\n']) lines.add(line);
  await setImmediate();
  destination.emit('error', Object.assign(new Error('gone'), { code: 'EPIPE' }));
  lines.add('c\n');
  await setImmediate();
  assert.deepEqual([lines.lost, told, destination.written.length], [3, [2], 1]);
  await lines.close(1000);
});

it('after any other error lines go on: the disk may have room again', async () => {
  const destination = new PuppetDestination();
  const { lines } = linesTo(destination);
  destination.emit('error', Object.assign(new Error('full'), { code: 'ENOSPC' }));
  lines.add('a\n');
  await setImmediate();
  assert.deepEqual([destination.written, lines.lost], [['a\n'], 0]);
});

it('the end waits for the last lines, but not for a reader that does not read', async () => {
  const read = new PuppetDestination();
  const one = linesTo(read);
  one.lines.add('a\n');
  const closing = one.lines.close(1000);
  read.leave();
  await closing;
  assert.deepEqual([read.written, one.lines.lost], [['a\n'], 0]);
  // One that comes too late.
  one.lines.add('b\n');
  await setImmediate();
  assert.deepEqual([read.written, one.lines.lost], [['a\n'], 1]);
  const unread = new PuppetDestination();
  const other = linesTo(unread);
  other.lines.add('a\n');
  const closed = other.lines.close(1000);
  other.clock.advance(1000);
  await closed;
  assert.deepEqual([other.lines.lost, other.told], [1, [1]]);
  unread.flushSync();
});

it('the end waits for no disk that is full, and nothing is written after it', async () => {
  const destination = new PuppetDestination();
  const { told, lines } = linesTo(destination);
  lines.add('a\n');
  const closing = lines.close(1000);
  destination.emit('error', Object.assign(new Error('full'), { code: 'ENOSPC' }));
  await closing;
  assert.deepEqual([lines.lost, told], [1, [1]]);
  destination.flushSync();
});
