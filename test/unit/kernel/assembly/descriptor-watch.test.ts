import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DescriptorWatch } from '../../../../src/kernel/assembly/descriptor-watch.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

/** A process that may have so many descriptors open. */
class Descriptors {
  readonly clock = new FakeClock();
  readonly held = new Set<number>();
  readonly calls: string[] = [];
  limit = 100;
  #next = 0;
  readonly watch = new DescriptorWatch({
    clock: this.clock,
    gates: [{ squeeze: () => this.calls.push('squeeze'), relax: () => this.calls.push('relax') }],
    onNoneLeft: () => this.calls.push('told'),
    open: () => {
      if (this.held.size >= this.limit) throw Object.assign(new Error('none'), { code: 'EMFILE' });
      this.held.add(++this.#next);
      return this.#next;
    },
    close: (descriptor) => assert.ok(this.held.delete(descriptor)),
  });
}

test('holds a reserve, and closes it when nothing is left, so that others get it', () => {
  const process = new Descriptors();
  process.watch.start();
  assert.equal(process.held.size, 8);
  process.limit = 8;
  process.clock.advance(250);
  assert.equal(process.held.size, 0);
  assert.deepEqual(process.calls, ['relax', 'squeeze', 'told']);
});

test('says so once in five seconds, and fills the reserve again when it can', () => {
  const process = new Descriptors();
  process.limit = 3;
  process.watch.start();
  process.clock.advance(1000);
  assert.deepEqual(process.calls, ['squeeze', 'told', 'squeeze', 'squeeze', 'squeeze', 'squeeze']);
  process.clock.advance(5000);
  assert.equal(process.calls.filter((call) => call === 'told').length, 2);
  process.limit = 100;
  process.clock.advance(250);
  assert.equal(process.calls.at(-1), 'relax');
  assert.equal(process.held.size, 8);
  process.watch.stop();
  assert.equal(process.held.size, 0);
  assert.equal(process.clock.armed, 0);
});
