/**
 * Takes the CPU time of an attacker without attacking: a share of one core, in slices of ten milliseconds.
 *
 *   node build/bench/attacks/burner.js SHARE SECONDS
 */
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';

const SLICE_MS = 10;
const [share, seconds] = process.argv.slice(2).map(Number) as [number, number];
const end = performance.now() + seconds * 1000;
while (performance.now() < end) {
  const sliceEnd = performance.now() + SLICE_MS;
  const busyEnd = performance.now() + Math.min(1, share) * SLICE_MS;
  while (performance.now() < busyEnd);
  await pause(Math.max(0, sliceEnd - performance.now()));
}
