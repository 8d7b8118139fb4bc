import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WorkSlots } from '../../../src/models/work-slots.ts';
import { turn } from '../../support/model-life-harness.ts';

/** Names in the order in which they got a slot. */
function taking(slots: WorkSlots) {
  const order: string[] = [];
  const take = (name: string, signal?: AbortSignal): void => {
    void slots.take(signal).then((isMine) => order.push(isMine ? name : `no ${name}`));
  };
  return { order, take };
}

describe('WorkSlots', () => {
  it('lets in as many as the limit, the rest in the order in which they came', async () => {
    const slots = new WorkSlots(2);
    const { order, take } = taking(slots);
    for (const name of ['a', 'b', 'c', 'd']) take(name);
    await turn();
    assert.deepEqual(order, ['a', 'b']);
    slots.giveBack();
    await turn();
    assert.deepEqual(order, ['a', 'b', 'c']);
  });

  it('leaves out who gave up waiting', async () => {
    const slots = new WorkSlots(1);
    const { order, take } = taking(slots);
    const abandon = new AbortController();
    take('a');
    take('b', abandon.signal);
    take('c');
    abandon.abort();
    slots.giveBack();
    await turn();
    assert.deepEqual(order.sort(), ['a', 'c', 'no b']);
    take('d', abandon.signal);
    await turn();
    assert.equal(order.at(-1), 'no d');
  });

  it('lets in more when the limit grows, and none above one that shrank', async () => {
    const slots = new WorkSlots(1);
    const { order, take } = taking(slots);
    for (const name of ['a', 'b', 'c']) take(name);
    slots.limit = 2;
    await turn();
    assert.deepEqual(order, ['a', 'b']);
    slots.limit = 1;
    slots.giveBack();
    await turn();
    assert.deepEqual(order, ['a', 'b']);
    slots.giveBack();
    await turn();
    assert.deepEqual(order, ['a', 'b', 'c']);
  });
});
