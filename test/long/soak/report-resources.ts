/**
 * Loaded into the server under soak (node --import): at SIGUSR2 it collects garbage and prints a line of JSON with what
 * the process holds.
 */
import process from 'node:process';
import { collectGarbage } from '../../../src/api/contract/collect-garbage.ts';

export const RESOURCES = 'soak_resources';

process.on('SIGUSR2', () => {
  collectGarbage();
  const active: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) active[kind] = (active[kind] ?? 0) + 1;
  process.stderr.write(`${JSON.stringify({ event: RESOURCES, active, heapUsed: process.memoryUsage().heapUsed })}\n`);
});
