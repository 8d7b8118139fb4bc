/** How many requests the application has at a time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServingError } from '../../../../src/core/errors.ts';
import { AppSlots, type SlotUser } from '../../../../src/proxy/fronting/app/app-slots.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

class User implements SlotUser {
  readonly caller: string;
  readonly hasDeadline: boolean;
  slot: SlotUser['slot'];
  state: 'new' | 'inside' | 'turned away' = 'new';
  error: ServingError | undefined;
  readonly #onSlot: () => void;

  constructor(hasDeadline = false, onSlot: () => void = () => undefined, caller = 'one') {
    this.caller = caller;
    this.hasDeadline = hasDeadline;
    this.#onSlot = onSlot;
  }

  onSlot(): void {
    this.state = 'inside';
    this.#onSlot();
  }

  onTurnedAway(error: ServingError): void {
    this.state = 'turned away';
    this.error = error;
  }
}

function make(max: number, maxWaiting?: number) {
  const clock = new FakeClock();
  const limits = maxWaiting === undefined ? {} : { maxWaiting };
  const slots = new AppSlots({ clock, app: 'http://app', max, maxWaitMs: 1000, ...limits });
  const enter = (count: number, hasDeadline = false): User[] =>
    Array.from({ length: count }, () => {
      const user = new User(hasDeadline);
      slots.enter(user);
      return user;
    });
  return { clock, slots, enter };
}

const states = (users: readonly User[]): string => users.map(({ state }) => state[0]).join('');

test('at most so many are inside, and the others follow in order', () => {
  const { clock, slots, enter } = make(2);
  const users = enter(5);
  assert.equal(states(users), 'iinnn');
  assert.deepEqual([slots.inside, slots.waiting], [2, 3]);
  slots.leave(users[1]!);
  assert.equal(states(users), 'iiinn');
  slots.leave(users[1]!);
  assert.equal(states(users), 'iiinn');
  slots.leave(users[0]!);
  slots.leave(users[2]!);
  assert.equal(states(users), 'iiiii');
  for (const user of users) slots.leave(user);
  assert.deepEqual([slots.inside, slots.waiting, clock.armed], [0, 0, 0]);
});

test('who leaves the queue frees its place there, and no slot', () => {
  const { clock, slots, enter } = make(1, 2);
  const [inside, first, second, third] = enter(4) as [User, User, User, User];
  assert.equal(third.state, 'turned away');
  assert.match(third.error!.message, /^the application at http:\/\/app has the one request that --app_max_concurrency/);
  assert.deepEqual([third.error!.kind, third.error!.row.http], ['app_unavailable', 503]);
  assert.ok(third.error!.retryAfterMs! > 0);
  slots.leave(first);
  assert.deepEqual([first.state, second.state, slots.waiting], ['new', 'new', 1]);
  const [late] = enter(1);
  slots.leave(inside);
  assert.deepEqual([second.state, late!.state], ['inside', 'new']);
  slots.leave(second);
  slots.leave(late!);
  assert.equal(clock.armed, 0);
});

test('without a deadline it waits for a limited time', () => {
  const { clock, slots, enter } = make(1);
  const [inside, waiting] = enter(2) as [User, User];
  const [patient] = enter(1, true);
  clock.advance(999);
  assert.equal(waiting.state, 'new');
  clock.advance(1);
  assert.equal(waiting.state, 'turned away');
  assert.match(waiting.error!.message, /allows, and the request has waited for 1000 ms; send it again later/);
  clock.advance(100_000);
  assert.equal(patient!.state, 'new');
  slots.leave(waiting);
  slots.leave(inside);
  assert.equal(patient!.state, 'inside');
});

test('users that end as soon as they get a slot are all served, one at a time', () => {
  const { slots, enter } = make(1);
  const [inside] = enter(1);
  let most = 0;
  const users = Array.from({ length: 1000 }, () => {
    const user: User = new User(true, () => {
      most = Math.max(most, slots.inside);
      slots.leave(user);
    });
    slots.enter(user);
    return user;
  });
  slots.leave(inside!);
  assert.deepEqual([most, slots.inside, slots.waiting], [1, 0, 0]);
  assert.ok(users.every(({ state }) => state === 'inside'));
});

test('the order holds for those who stay where most leave the queue', () => {
  const { clock, slots, enter } = make(1);
  const [inside] = enter(1);
  const staying: User[] = [];
  for (let i = 0; i < 100; i++) {
    const [first, ...others] = enter(20) as [User, ...User[]];
    staying.push(first);
    for (const user of others) slots.leave(user);
  }
  assert.equal(slots.waiting, 100);
  slots.leave(inside!);
  for (const user of staying) {
    assert.equal(staying.filter(({ state }) => state === 'inside').at(-1), user);
    slots.leave(user);
  }
  assert.deepEqual([slots.inside, slots.waiting, clock.armed], [0, 0, 0]);
});

test('a free slot goes to the caller that has the fewest, and in order among such', () => {
  const { slots } = make(3);
  const enter = (caller: string): User => {
    const user = new User(true, undefined, caller);
    slots.enter(user);
    return user;
  };
  const greedy = Array.from({ length: 6 }, () => enter('greedy'));
  const others = [enter('a'), enter('b'), enter('a')];
  assert.equal(states([...greedy, ...others]), 'iiinnnnnn');
  slots.leave(greedy[0]!);
  slots.leave(greedy[1]!);
  assert.equal(states([...greedy, ...others]), 'iiinnniin');
  // Each has one now: who waits for longest.
  slots.leave(greedy[2]!);
  assert.equal(states([...greedy, ...others]), 'iiiinniin');
  for (const user of [...greedy, ...others]) slots.leave(user);
  assert.deepEqual([slots.inside, slots.waiting], [0, 0]);
});

test('who has most waiting makes room in a full queue', () => {
  const { slots } = make(1, 3);
  const users = ['greedy', 'greedy', 'greedy', 'greedy', 'other'].map((caller) => {
    const user = new User(true, undefined, caller);
    slots.enter(user);
    return user;
  });
  assert.equal(states(users), 'inntn');
  const another = new User(true, undefined, 'greedy');
  slots.enter(another);
  assert.equal(another.state, 'turned away');
  assert.equal(slots.waiting, 3);
  for (const user of users) slots.leave(user);
});
