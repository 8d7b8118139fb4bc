/**
 * Loaded into a server by `--import`: tells its parent how long the event loop was held since it was last asked, at
 * most: in milliseconds that passed, and in milliseconds of CPU, which other processes on the machine do not lengthen.
 */
import { Buffer } from 'node:buffer';
import { openSync, readSync } from 'node:fs';
import process from 'node:process';

/** Nanoseconds on a CPU, nanoseconds of waiting for one, time slices. */
const schedstat = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
const text = Buffer.alloc(64);
let lastAt = performance.now();
let lastCpu = cpuMs();
let held = 0;
let worked = 0;

setInterval(() => {
  const at = performance.now();
  const cpu = cpuMs();
  held = Math.max(held, at - lastAt);
  worked = Math.max(worked, cpu - lastCpu);
  lastAt = at;
  lastCpu = cpu;
}, 1).unref();

process.on('message', () => {
  process.send!({ held, worked, rss: process.memoryUsage().rss });
  held = 0;
  worked = 0;
});
process.channel?.unref();

function cpuMs(): number {
  const length = readSync(schedstat, text, 0, text.length, 0);
  return Number.parseInt(text.toString('latin1', 0, length), 10) / 1e6;
}
