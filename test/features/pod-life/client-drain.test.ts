import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientDrain } from '../../../src/features/pod-life/client-drain.ts';
import { createLogger } from '../../../src/ledger/log/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function clientDrain(delayMs: number) {
  const clock = new FakeClock();
  const now = { draining: 0, rounds: 0, connections: 3, inFlight: 1 };
  const drain = new ClientDrain({
    ...{ clock, delayMs, logger: createLogger({ level: 'silent', clock }) },
    readiness: {
      get missing() {
        return now.draining > 0 ? ('draining' as const) : undefined;
      },
      setDraining: () => {
        now.draining += 1;
      },
    },
    clients: {
      open: () => now.connections,
      turnAway: () => {
        now.rounds += 1;
      },
    },
    lifecycle: now,
  });
  return { clock, now, drain };
}

test('clients are sent elsewhere after the delay, and each second, until the server’s own drain', () => {
  const { clock, now, drain } = clientDrain(5000);
  assert.deepEqual(drain.ask(), { drained: false, connections: 3, in_flight: 1 });
  assert.deepEqual([now.draining, now.rounds], [1, 0]);
  clock.advance(4999);
  assert.equal(now.rounds, 0);
  clock.advance(1);
  assert.equal(now.rounds, 1);
  clock.advance(2000);
  assert.equal(now.rounds, 3);
  drain.stop();
  clock.advance(10_000);
  assert.equal(now.rounds, 3);
});

test('to ask again begins nothing again', () => {
  const { clock, now, drain } = clientDrain(0);
  for (let i = 0; i < 5; i++) drain.ask();
  clock.advance(1000);
  assert.deepEqual([now.draining, now.rounds], [1, 2]);
});

test('it is drained when the delay is over and neither a connection nor a request is left', () => {
  const { clock, now, drain } = clientDrain(1000);
  now.connections = 0;
  now.inFlight = 0;
  assert.equal(drain.ask().drained, false);
  clock.advance(1000);
  assert.equal(drain.ask().drained, true);
  now.inFlight = 1;
  assert.equal(drain.ask().drained, false);
  Object.assign(now, { inFlight: 0, connections: 1 });
  assert.equal(drain.ask().drained, false);
});

test('once the server itself drains, asking begins no drain of clients', () => {
  const { clock, now, drain } = clientDrain(0);
  now.draining = 1;
  drain.ask();
  clock.advance(5000);
  assert.deepEqual([now.draining, now.rounds], [1, 0]);
});
