/**
 * What balancers send to an overloaded server that refuses at once, and to one that holds its refusals: a simulation of
 * three servers, each of which runs one request at a time and keeps a short queue.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { DeadlineTimer } from '../../../src/core/deadline-timer.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { SeededRandom } from '../../../src/core/repeatable/seeded-random.ts';
import { VirtualClock } from '../../../src/core/repeatable/virtual-clock.ts';
import { RefusalHold } from '../../../src/proxy/refusal-hold.ts';
import { type Balancer, leastRequest, peakEwma } from '../../support/balancers.ts';

const REFUSED_MS = 1;
const QUEUE = 4;
const LENGTH_MS = 60_000;
const DEADLINE_MS = 2000;
/** Requests a second: through the balancer, of the 200 that two servers can do; and others', which overload the third. */
const RATE = 180;
const OTHERS_RATE = 100;

class SimulatedServer {
  readonly #clock: VirtualClock;
  readonly #runMs: number;
  readonly #hold: RefusalHold | undefined;
  readonly #waiting: (() => void)[] = [];
  #isBusy = false;

  constructor(clock: VirtualClock, deadlines: DeadlineTimer, runMs: number, holdMs: number) {
    this.#clock = clock;
    this.#runMs = runMs;
    this.#hold = holdMs === 0 ? undefined : new RefusalHold({ clock, deadlines, mostMs: holdMs });
  }

  submit(end: (isAnswered: boolean) => void): void {
    const startedAt = this.#clock.nowMs();
    if (this.#waiting.length >= QUEUE) {
      this.#refuse(startedAt, () => end(false));
      return;
    }
    this.#waiting.push(() => {
      this.#hold?.noteAnswer(this.#clock.nowMs() - startedAt);
      end(true);
    });
    this.#next();
  }

  #refuse(startedAt: number, answer: () => void): void {
    const error = new ServingError('overloaded', 'full', { retryAfterMs: this.#runMs * QUEUE });
    const at = this.#clock.nowMs() + REFUSED_MS;
    this.#clock.setTimer(at, () => {
      const held = this.#hold?.hold(error, { startedAt, deadline: startedAt + DEADLINE_MS }, answer);
      if (held === undefined) answer();
    });
  }

  #next(): void {
    const answer = this.#isBusy ? undefined : this.#waiting.shift();
    if (answer === undefined) return;
    this.#isBusy = true;
    this.#clock.setTimer(this.#clock.nowMs() + this.#runMs, () => {
      this.#isBusy = false;
      answer();
      this.#next();
    });
  }
}

type MakeBalancer = (servers: number, clock: VirtualClock, random: SeededRandom) => Balancer;

/** The overloaded server's share of the requests, and the answered share of all. The last server is slow. */
function play(make: MakeBalancer, holdMs: number): { readonly slowShare: number; readonly answered: number } {
  const clock = new VirtualClock();
  const deadlines = new DeadlineTimer(clock);
  const random = new SeededRandom(11);
  const runs = [10, 10, 50];
  const servers = runs.map((runMs) => new SimulatedServer(clock, deadlines, runMs, holdMs));
  const balancer = make(servers.length, clock, random);
  const picks = runs.map(() => 0);
  let answered = 0;
  let sent = 0;
  arrive(clock, instants(random, OTHERS_RATE), () => servers.at(-1)!.submit(() => undefined));
  arrive(clock, instants(random, RATE), () => {
    const { server, ended } = balancer.pick();
    sent += 1;
    picks[server]! += 1;
    servers[server]!.submit((isAnswered) => {
      if (isAnswered) answered += 1;
      ended();
    });
  });
  clock.advance(LENGTH_MS + 10_000);
  return { slowShare: picks.at(-1)! / sent, answered: answered / sent };
}

/** Instants of arrivals within the length of the simulation, from its start on. */
function instants(random: SeededRandom, ratePerSecond: number): readonly number[] {
  const all: number[] = [];
  for (let at = 0; at < LENGTH_MS; at += random.exponential(1000 / ratePerSecond)) all.push(at);
  return all;
}

/** Each arrival arms the next: a virtual clock looks through all timers that are armed. */
function arrive(clock: VirtualClock, instants: readonly number[], submit: () => void): void {
  const startedAt = clock.nowMs();
  const arm = (index: number): void => {
    if (index === instants.length) return;
    clock.setTimer(startedAt + instants[index]!, () => {
      submit();
      arm(index + 1);
    });
  };
  arm(0);
}

for (const [name, make] of [
  ['by latency', peakEwma],
  ['by open requests', leastRequest],
] as const) {
  it(`a balancer ${name} sends less than two thirds as much to a server that holds its refusals, and more is answered`, () => {
    const [atOnce, held] = [play(make, 0), play(make, 1000)];
    const figures = JSON.stringify({ atOnce, held });
    assert.ok(held.slowShare < (2 / 3) * atOnce.slowShare, figures);
    assert.ok(held.answered > atOnce.answered, figures);
  });
}
