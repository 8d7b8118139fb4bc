/** One run's record: what was measured of every contestant in every round of every workload. */
import type { Machine } from '../support/machine.ts';
import type { OpenLoopResult } from './client/open-loop.ts';
import type { Figures } from './figures.ts';

export interface Round extends Figures {
  readonly workload: string;
  readonly contestant: string;
  readonly round: number;
  /** Repeats of a turn that was disturbed have the numbers from 1 on. */
  readonly attempt?: number;
  /** Requests a second that the server can do with each stream's mix: what the loads are multiples of. */
  readonly capacities: readonly number[];
  readonly seconds: number;
  /** 1 − rows of answers in time ÷ rows run, by their cost. */
  readonly wastedShare: number;
  /** The same share of the CPU seconds that the server took in the run. */
  readonly wastedCpuSeconds: number;
  readonly serverCpuSeconds: number;
  readonly meanBatch: number;
  /** Batches of at most so many rows and more than the bound before. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Requests that the server's scheduler refused or gave up, by reason; a simulator and an old record have none. */
  readonly reasons?: Readonly<Record<string, number>>;
  /** Mean |predicted − actual| of batches, where the server predicts. */
  readonly predictionErrorMs?: number;
  /** The time until it is as before, if the workload steps down at the end (figures.ts). */
  readonly recoveryMs?: number;
  readonly latenessMs: OpenLoopResult['latenessMs'];
  readonly held: number;
  readonly misshapen: number;
  readonly generatorCpuMicros: number;
  /** The generator could run before other processes (a negative nice value). */
  readonly isGeneratorFirst: boolean;
  /**
   * The share of the machine that went to neither the server nor the generator; neighbours of the workload's own are in
   * it.
   */
  readonly foreignShare: number;
  /** Other work that was going on; absent if none was. */
  readonly disturbed?: string;
  /** Why the round says nothing and is in no mean; absent if it does. */
  readonly invalid?: string;
}

export interface WorkloadNote {
  readonly name: string;
  readonly text: string;
  /** More is asked than can be done, all the time (workload.ts). */
  readonly standsAboveCapacity?: boolean;
}

/** A turn of the pilot round, which only chooses who is measured further. */
export interface Pilot {
  readonly workload: string;
  readonly contestant: string;
  readonly attempt?: number;
  readonly attainment: number;
  readonly invalid?: string;
}

/** The rate of each reference in a closed loop before a round, and the rate of which the loads are multiples. */
export interface CapacityRecord {
  readonly workload: string;
  readonly round: number;
  /** Requests a second of each stream's mix, by contestant. */
  readonly measured: Readonly<Record<string, readonly number[]>>;
  readonly taken: readonly number[];
}

/** The round's number of the pilot. */
export const PILOT = -1;

/** The settings that have to be the same for a run to go on where it stopped. */
export interface RunKey {
  readonly seed: number;
  readonly rounds: number;
  readonly seconds: number | null;
  readonly quick: boolean;
  readonly hasPilot: boolean;
  readonly publish: boolean;
  readonly contestants: readonly string[];
  /** A digest of each workload, by its name. */
  readonly workloads: Readonly<Record<string, string>>;
}

export interface Incident {
  readonly workload: string;
  readonly contestant: string;
  readonly reason: string;
}

export interface Results {
  readonly machine: Machine;
  readonly startedAt: string;
  readonly roundsWanted: number;
  readonly workloads: readonly WorkloadNote[];
  readonly incidents: readonly Incident[];
  readonly rounds: readonly Round[];
  /** A simulator has none of these. */
  readonly run?: RunKey;
  readonly pilots?: readonly Pilot[];
  readonly capacities?: readonly CapacityRecord[];
}

/** A generator later than this measured itself. */
export const MAX_LATENESS_P99_MS = 5;

/** Rounds of one contestant that say something. */
export function roundsOf({ rounds }: Results, workload: string, contestant: string): Round[] {
  return rounds.filter(
    (round) => round.workload === workload && round.contestant === contestant && round.invalid === undefined,
  );
}

/** Mean of the rounds (or other records) that have the figure; NaN of none. */
export function meanOf<T = Round>(rounds: readonly T[], pick: (round: T) => number | undefined): number {
  const values = rounds.map(pick).filter((value): value is number => value !== undefined && !Number.isNaN(value));
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The contestants in the order in which they were first measured. */
export function contestantsIn({ rounds }: Results, workload: string): string[] {
  return [...new Set(rounds.filter((round) => round.workload === workload).map(({ contestant }) => contestant))];
}

/**
 * JSON.stringify's replacer. Four places are more than two runs agree on; JSON has no Infinity and no NaN: words stand
 * for them.
 */
export function forJson(_key: string, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  return Number.isFinite(value) ? Math.round(value * 1e4) / 1e4 : String(value);
}

/** JSON.parse's reviver: what forJson wrote. */
export function revive(_key: string, value: unknown): unknown {
  return value === 'Infinity' || value === 'NaN' ? Number(value) : value;
}
