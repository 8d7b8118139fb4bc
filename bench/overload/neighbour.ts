/**
 * A noisy neighbour: processes that use a core each from one moment of a run to another.
 *
 *   node build/bench/overload/neighbour.js WAIT_MS BURN_MS        is one of them
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Neighbour } from './workload.ts';

const SELF = fileURLToPath(import.meta.url);

/** Starts them now; they begin to burn on time. The returned function ends what still runs. */
export function startNeighbours(neighbour: Neighbour, startsInMs: number, lengthMs: number): () => void {
  const wait = startsInMs + neighbour.fromShare * lengthMs;
  const burn = (neighbour.toShare - neighbour.fromShare) * lengthMs;
  const count = Math.max(1, Math.round(neighbour.processesPerCore * availableParallelism()));
  const children = Array.from({ length: count }, () =>
    spawn(process.execPath, [SELF, String(wait), String(burn)], { stdio: 'ignore' }),
  );
  return () => {
    for (const child of children) child.kill('SIGKILL');
  };
}

function burn(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

if (process.argv[1] === SELF) {
  const [waitMs, burnMs] = process.argv.slice(2).map(Number) as [number, number];
  // performance.now() began with this process: its own start-up is part of the wait.
  setTimeout(() => burn(burnMs), Math.max(0, waitMs - performance.now()));
}
