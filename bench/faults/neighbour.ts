/** The good neighbour: asks its model 100 times a second over REST, and counts how each of its requests ended. */
import { Neighbour, type NeighbourClient, restClient } from '../../test/support/neighbour.ts';
import type { NeighbourResult } from './fault.ts';

const PER_SECOND = 100;
const PATIENCE_MS = 20_000;
const BODY = '{"instances":[1.0,2.0]}';
const ANSWER = '{"predictions":[2.5,3]}';
const REFUSED = 'refused';

export class FaultNeighbour {
  readonly #neighbour: Neighbour;
  /** A refused connection is no failure once this is set. */
  isServerEnding = false;

  constructor(rest: string, model: string) {
    const client = restClient(`${rest}/v1/models/${model}:predict`, BODY, ANSWER);
    const asking: NeighbourClient = { ...client, ask: async () => this.#named(await client.ask()) };
    this.#neighbour = new Neighbour([asking], { perSecond: PER_SECOND, patienceMs: PATIENCE_MS });
  }

  /** Offers no more; resolves when every request has ended. */
  async stop(): Promise<NeighbourResult> {
    const { sent, answered, failures: all, max } = await this.#neighbour.stop();
    const { [REFUSED]: refused = 0, ...failures } = all;
    const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
    return { offered: sent, answered, refused, failed, failures, longestMs: answered === 0 ? 0 : Math.round(max) };
  }

  #named(heard: string): string {
    const isRefused = heard === '429' || heard === '503' || (this.isServerEnding && heard === 'ECONNREFUSED');
    return isRefused ? REFUSED : heard;
  }
}
