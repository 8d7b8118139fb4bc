/**
 * Arrivals that look like those of a language model in production, without the recorded file: a doubly stochastic (Cox)
 * process whose rate is switched on and off, with a spike now and then.
 *
 *   rate  ▁▁▁▁▁█████▁▁▁▁▁▁▁▁▁▁██▁▁▁▁▁▁▁▁▁████│██▁▁▁▁      on: 140 requests or so; off: 4.25 times as long; │ spike
 *
 * It was fitted to the trace "code" of AzureLLMInferenceTrace 2023 (Azure/AzurePublicDataset, CC-BY: 8,819 requests in
 * 57 minutes), of which it has neither requests nor instants. Figures of the trace, and of this process as medians of
 * runs as long:
 *
 *   |                                               | trace | here |
 *   | coefficient of variation of the gaps          |  13.2 | 13.5 |
 *   | index of dispersion of counts, windows of 1 s |  13.1 | 12.8 |
 *   | … of 10 s                                     |    71 |   78 |
 *   | … of 60 s                                     |   164 |  156 |
 *   | most in 1 s ÷ mean                            |  26.6 | 26.9 |
 *
 * Not fitted are the shape of short gaps (the trace's requests often come in pairs) and what lies beyond a minute.
 */
import type { SeededRandom } from '../../src/core/repeatable/seeded-random.ts';

/** Lengths are in mean gaps of the on state. */
const ON = 140;
const OFF = 4.25 * ON;
/** The share of an on state's requests that comes in spikes, of about so many requests within such a time. */
const SPIKE = { share: 0.03, requests: 50, length: 6 } as const;

/** `count` ascending instants, the first at 0, in a unit of their own. */
export function azureLikeTimes(count: number, random: SeededRandom): number[] {
  const times: number[] = [];
  for (let start = 0; times.length < count; start += random.exponential(OFF)) {
    const end = start + random.exponential(ON);
    poissonTimes(start, end, 1 - SPIKE.share, random, times);
    const spikes: number[] = [];
    poissonTimes(start, end, SPIKE.share / SPIKE.requests, random, spikes);
    for (const at of spikes) poissonTimes(at, at + SPIKE.length, SPIKE.requests / SPIKE.length, random, times);
    start = end;
  }
  // A spike may reach into what follows.
  times.sort((a, b) => a - b);
  const first = times[0]!;
  return times.slice(0, count).map((at) => at - first);
}

function poissonTimes(from: number, until: number, rate: number, random: SeededRandom, into: number[]): void {
  for (let at = from + random.exponential(1 / rate); at < until; at += random.exponential(1 / rate)) into.push(at);
}
