/** Balancers as meshes have them, for simulations: each picks the better of two servers drawn by chance. */
import type { Clock, Instant } from '../../src/core/clock.ts';
import type { SeededRandom } from '../../src/core/repeatable/seeded-random.ts';

export interface Balancer {
  /** The server of the next request; call the function when its answer, or its refusal, is there. */
  pick(): { readonly server: number; readonly ended: () => void };
}

interface Load {
  readonly load: (server: number) => number;
  readonly ended: (server: number, ms: number) => void;
}

/** Two drawn by chance, and the one with less load of those ("power of two choices"). */
class TwoChoices implements Balancer {
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #open: number[];
  readonly #of: Load;

  constructor(servers: number, clock: Clock, random: SeededRandom, makeLoad: (open: readonly number[]) => Load) {
    this.#clock = clock;
    this.#random = random;
    this.#open = Array<number>(servers).fill(0);
    this.#of = makeLoad(this.#open);
  }

  pick(): ReturnType<Balancer['pick']> {
    const count = this.#open.length;
    const first = Math.floor(this.#random.uniform() * count);
    const second = (first + 1 + Math.floor(this.#random.uniform() * (count - 1))) % count;
    const server = this.#of.load(second) < this.#of.load(first) ? second : first;
    const startedAt = this.#clock.nowMs();
    this.#open[server]! += 1;
    const ended = (): void => {
      this.#open[server]! -= 1;
      this.#of.ended(server, this.#clock.nowMs() - startedAt);
    };
    return { server, ended };
  }
}

/** The balancer by the fewest open requests. */
export function leastRequest(servers: number, clock: Clock, random: SeededRandom): Balancer {
  return new TwoChoices(servers, clock, random, (open) => ({
    load: (server) => open[server]!,
    ended: () => undefined,
  }));
}

const DEFAULT_RTT_MS = 30;
const DECAY_MS = 10_000;

/**
 * Linkerd's: open requests × a moving average of the latency, which rises to each peak at once and decays over ten
 * seconds. It knows no outcome: a refusal is an answer.
 */
export function peakEwma(servers: number, clock: Clock, random: SeededRandom): Balancer {
  const averages = Array.from({ length: servers }, () => ({ ms: DEFAULT_RTT_MS, at: clock.nowMs() as Instant }));
  const update = (server: number, rttMs: number): number => {
    const average = averages[server]!;
    const now = clock.nowMs();
    const kept = Math.exp((average.at - now) / DECAY_MS);
    average.ms = rttMs > average.ms ? rttMs : average.ms * kept + rttMs * (1 - kept);
    average.at = now;
    return average.ms;
  };
  return new TwoChoices(servers, clock, random, (open) => ({
    load: (server) => update(server, 0) * (open[server]! + 1),
    ended: (server, ms) => void update(server, ms),
  }));
}
