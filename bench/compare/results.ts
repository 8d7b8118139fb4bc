/** The results of a comparison: every round as it was measured, and the figures that are read from them. */
import type { Machine } from '../support/machine.ts';
import { median } from '../support/statistics.ts';
import type { ModelName } from './models.ts';
import type { Surface } from './protocols/protocol.ts';

/** More of the machine than this went elsewhere: the round is marked. */
export const BUSY_SHARE = 0.1;

/** A contestant and its workload: the rounds of one cell differ in time alone. */
export interface Cell {
  readonly model: ModelName;
  readonly contestant: string;
  readonly surface: Surface | 'loop';
  readonly connections: number;
}

export interface Round extends Cell {
  /** Counts from 0; the same number of all contestants' rounds is one turn. */
  readonly round: number;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
  /** CPU time and memory of the server with all its descendants. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** The share of all cores that went to processes that are neither the server nor the load generator. */
  readonly foreignShare: number;
  /** Rows of a batch, in the mean; of Pillion and of the runtime's own loop, which is given Pillion's. */
  readonly meanBatch?: number;
}

/** The time from the process's start to its first right answer. */
export interface Start {
  readonly model: ModelName;
  readonly contestant: string;
  readonly seconds: number;
}

/** A contestant that could not be measured or ended under load, and why. */
export interface Incident {
  readonly model: ModelName;
  readonly contestant: string;
  readonly reason: string;
  /** True: the contestant is measured no more. Otherwise it was started again and the measurement repeated. */
  readonly isLeftOut: boolean;
}

export interface Results {
  readonly machine: Machine;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly roundsWanted: number;
  readonly secondsEach: number;
  /** Versions of the contestants' own packages. */
  readonly versions: Readonly<Record<string, string>>;
  readonly starts: readonly Start[];
  readonly incidents: readonly Incident[];
  readonly rounds: readonly Round[];
}

export type Figure =
  | 'requestsPerSecond'
  | 'p50Ms'
  | 'p99Ms'
  | 'cpuPerThousand'
  | 'requestsPerCpuSecond'
  | 'residentMiB';

export function figureOf(round: Round, figure: Figure): number {
  switch (figure) {
    case 'cpuPerThousand':
      return (round.cpuSeconds / round.requests) * 1000;
    case 'requestsPerCpuSecond':
      return round.requests / round.cpuSeconds;
    case 'residentMiB':
      return round.residentBytes / 2 ** 20;
    case 'requestsPerSecond':
    case 'p50Ms':
    case 'p99Ms':
      return round[figure];
  }
}

export function roundsOf(results: Results, cell: Cell): Round[] {
  return results.rounds.filter(
    (round) =>
      round.model === cell.model &&
      round.contestant === cell.contestant &&
      round.surface === cell.surface &&
      round.connections === cell.connections,
  );
}

export function medianOf(rounds: readonly Round[], figure: Figure): number {
  return median(rounds.map((round) => figureOf(round, figure)));
}

/** The cells in the order in which they were first measured. */
export function cellsOf(results: Results): Cell[] {
  const cells = new Map<string, Cell>();
  for (const { model, contestant, surface, connections } of results.rounds) {
    const cell = { model, contestant, surface, connections };
    cells.set(JSON.stringify(cell), cell);
  }
  return [...cells.values()];
}
