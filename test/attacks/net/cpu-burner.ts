/** No attack: the CPU that one costs its own machine, for comparison. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Attack } from './attack.ts';

const SLICE_MS = 10;

export const cpuBurner: Attack = async (_target, seconds, signal) => {
  const until = performance.now() + seconds * 1000;
  let slices = 0;
  while (performance.now() < until && !signal.aborted) {
    const end = performance.now() + SLICE_MS;
    while (performance.now() < end);
    slices += 1;
    await turn();
  }
  return { slices };
};
