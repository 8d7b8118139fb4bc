/**
 * Decides which requests are traced: as the environment says (sampler.ts), until somebody chooses another share of the
 * traces that begin here, or turns them off. A decision for a request stays.
 */
import type { CallerTrace } from '../request-record.ts';
import { type Sampler, type SamplerChoice, samplerWith } from './sampler.ts';

/** One trace in so many. */
export const MAX_TRACE_RATE = 2 ** 32 - 1;

export class Sampling {
  /** False: nothing is traced, whatever a caller's trace says. */
  isOn = true;
  readonly #started: SamplerChoice;
  #sampler: Sampler;
  #rate: number | undefined;

  constructor(started: SamplerChoice) {
    this.#started = started;
    this.#sampler = started.sampler;
  }

  isSampled(traceId: string, caller: CallerTrace | undefined): boolean {
    return this.isOn && this.#sampler(traceId, caller);
  }

  /** One in so many of the traces that begin here; 0 = none. */
  get rate(): number {
    const { ratio } = this.#started;
    return this.#rate ?? (ratio === 0 ? 0 : Math.round(1 / ratio));
  }

  /** 1 to MAX_TRACE_RATE; undefined: as the environment says. */
  setRate(rate: number | undefined): void {
    const { isParentBased, sampler } = this.#started;
    this.#rate = rate;
    this.#sampler = rate === undefined ? sampler : samplerWith(1 / rate, isParentBased);
  }
}
