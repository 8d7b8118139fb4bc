/**
 * The measurements of a run so far, written to its file after each turn, so that a run which was stopped can go on.
 *
 * A file is replaced as a whole (written beside, then renamed): whoever reads it finds one state or the next.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Machine } from '../support/machine.ts';
import {
  type CapacityRecord,
  forJson,
  type Incident,
  type Pilot,
  type Results,
  type Round,
  type RunKey,
  revive,
} from './results.ts';
import type { Workload } from './workload.ts';

/** A disturbed turn is measured again so many times. */
export const MAX_REPEATS = 2;

interface Turn {
  readonly workload: string;
  readonly contestant: string;
  readonly attempt?: number;
  readonly invalid?: string;
}

export class Journal {
  readonly #path: string;
  readonly #head: Results;
  readonly #rounds: Round[];
  readonly #pilots: Pilot[];
  readonly #capacities: CapacityRecord[];
  readonly #incidents: Incident[];

  private constructor(path: string, results: Results) {
    this.#path = path;
    this.#head = results;
    this.#rounds = [...results.rounds];
    this.#pilots = [...(results.pilots ?? [])];
    this.#capacities = [...(results.capacities ?? [])];
    this.#incidents = [...results.incidents];
  }

  /** A run from its beginning; `head` has no records. */
  static begin(path: string, head: Results): Journal {
    return new Journal(path, head);
  }

  /** Goes on with what is in the file. Throws, with the reason, where that is of another run than `head`'s. */
  static resume(path: string, head: Results): Journal {
    if (!existsSync(path)) throw new Error(`there is nothing to resume: ${path} does not exist`);
    const before = readResults(path);
    const reason = whyNotTheSame(before, head);
    if (reason !== undefined)
      throw new Error(`${path} cannot be resumed: ${reason}; run without --resume to begin anew`);
    return new Journal(path, before);
  }

  get results(): Results {
    return {
      ...this.#head,
      incidents: this.#incidents,
      pilots: this.#pilots,
      capacities: this.#capacities,
      rounds: this.#rounds,
    };
  }

  get pilots(): readonly Pilot[] {
    return this.#pilots;
  }

  addRound(round: Round): void {
    this.#rounds.push(round);
    this.#save();
  }

  addPilot(pilot: Pilot): void {
    this.#pilots.push(pilot);
    this.#save();
  }

  addCapacity(record: CapacityRecord): void {
    this.#capacities.push(record);
    this.#save();
  }

  addIncident(incident: Incident): void {
    this.#incidents.push(incident);
    this.#save();
  }

  capacityOf(workload: string, round: number): CapacityRecord | undefined {
    return this.#capacities.find((record) => record.workload === workload && record.round === round);
  }

  /** The number of the attempt at a contestant's turn; undefined: it has a valid one, or was repeated often enough. */
  nextAttempt(workload: string, contestant: string, round: number | 'pilot'): number | undefined {
    const isOfRound = (turn: Turn): boolean => round === 'pilot' || (turn as Round).round === round;
    const turns: readonly Turn[] = round === 'pilot' ? this.#pilots : this.#rounds;
    const own = turns.filter((turn) => turn.workload === workload && turn.contestant === contestant && isOfRound(turn));
    if (own.some(({ invalid }) => invalid === undefined) || own.length > MAX_REPEATS) return undefined;
    return own.length;
  }

  #save(): void {
    writeResults(this.#path, this.results);
  }
}

/** The difference in words; undefined if it is the same run. */
export function whyNotTheSame(before: Results, now: Results): string | undefined {
  if (before.run === undefined || now.run === undefined) return 'it does not say with what options it was made';
  const machines = [before.machine, now.machine].map(machineLine);
  if (machines[0] !== machines[1]) return `it is of ${machines[0]}, and this is ${machines[1]}`;
  const names = new Set([...Object.keys(before.run), ...Object.keys(now.run)]) as Set<keyof RunKey>;
  for (const name of names) {
    const [then, today] = [before.run[name], now.run[name]].map((value) => JSON.stringify(value));
    if (then === today) continue;
    if (name === 'workloads') return 'its workloads are others, or their files have changed';
    return `its ${name} was ${then}, and now it is ${today}`;
  }
  return undefined;
}

function machineLine({ cpu, cores, memoryGiB, kernel, node }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}`;
}

/** The digest of each workload, so that a file which was changed is not taken for the one that was measured. */
export function digestsOf(workloads: readonly Workload[]): Record<string, string> {
  const digest = (workload: Workload): string =>
    createHash('sha256').update(JSON.stringify(workload)).digest('hex').slice(0, 16);
  return Object.fromEntries(workloads.map((workload) => [workload.name, digest(workload)]));
}

/** A line a round, so that a difference between two runs can be read. */
export function writeResults(path: string, { rounds, ...head }: Results): void {
  const lines = rounds.map((round) => `  ${JSON.stringify(round, forJson)}`).join(',\n');
  const text = JSON.stringify(head, forJson, 1).replace(/\n\}$/, `,\n "rounds": [\n${lines}\n ]\n}\n`);
  mkdirSync(dirname(path), { recursive: true });
  const beside = `${path}.new`;
  writeFileSync(beside, text);
  renameSync(beside, path);
}

/** Always from the file, so that --render changes nothing that was not changed. */
export function readResults(path: string): Results {
  return JSON.parse(readFileSync(path, 'utf8'), revive) as Results;
}
