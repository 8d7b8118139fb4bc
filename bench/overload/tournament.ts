/**
 * All contestants on all workloads. Workloads that need the same server share it; within a workload the contestants take
 * turns, round by round, every second round backwards, on the same requests. Whoever has no turn is stopped.
 *
 *   servers of {big} start ─ one-0.7x: round 1 (capacity, pillion, greedy, …) round 2 (capacity, …, greedy, pillion) …
 *                          ─ one-2x: …
 *   servers of {mid-0 … mid-9} start ─ …
 */
import type { Contestant } from './contestants.ts';
import { type Entrant, type EntrantOptions, setupOf, startEntrant } from './entrant.ts';
import { capacitiesOf, measure } from './measure.ts';
import type { Incident, Round } from './results.ts';
import type { Workload } from './workload.ts';

export interface TournamentOptions extends EntrantOptions {
  readonly contestants: readonly Contestant[];
  readonly isWanted: (workload: string, contestant: string) => boolean;
  readonly rounds: number;
  /** Instead of the workloads' own. */
  readonly seconds: number | undefined;
  readonly leadInMs: number;
  /** Rounds in which the machine had other work count all the same. */
  readonly keepsDisturbed: boolean;
  readonly seed: number;
  readonly progress: (text: string) => void;
  readonly notice: (text: string) => void;
  /** Aborted: the servers are stopped, and its reason is thrown. */
  readonly signal: AbortSignal;
}

export interface Outcome {
  readonly rounds: readonly Round[];
  readonly incidents: readonly Incident[];
}

export async function runTournament(workloads: readonly Workload[], options: TournamentOptions): Promise<Outcome> {
  const rounds: Round[] = [];
  const incidents: Incident[] = [];
  for (const setup of new Set(workloads.map(setupOf))) {
    const group = workloads.filter((workload) => setupOf(workload) === setup);
    const entrants = await startAll(group, options, incidents);
    try {
      for (const workload of group) await runWorkload(workload, entrants, options, { rounds, incidents });
    } finally {
      await Promise.all(entrants.map(({ server }) => server.stop()));
    }
  }
  return { rounds, incidents };
}

/** Those that start; the others are an incident of the group's first workload. */
async function startAll(
  group: readonly Workload[],
  options: TournamentOptions,
  incidents: Incident[],
): Promise<Entrant[]> {
  const entrants: Entrant[] = [];
  for (const contestant of options.contestants) {
    options.signal.throwIfAborted();
    options.progress(`${group.map(({ name }) => name).join(', ')}: ${contestant.name} starts`);
    try {
      entrants.push(await startEntrant(contestant, group[0]!, options));
    } catch (error) {
      const reason = (error as Error).message;
      incidents.push({ workload: group[0]!.name, contestant: contestant.name, reason: reason.split('\n')[0]! });
      options.notice(`${contestant.name} is left out: ${reason}`);
    }
  }
  return entrants;
}

interface Records {
  readonly rounds: Round[];
  readonly incidents: Incident[];
}

async function runWorkload(
  workload: Workload,
  entrants: readonly Entrant[],
  options: TournamentOptions,
  { rounds, incidents }: Records,
): Promise<void> {
  const reference = entrants.find(({ contestant }) => contestant.isReference) ?? entrants[0];
  if (reference === undefined) throw new Error(`no contestant of ${workload.name} could be started`);
  for (let round = 0; round < options.rounds; round++) {
    const seed = options.seed + round;
    options.progress(`${workload.name}, round ${round + 1} of ${options.rounds}: capacity`);
    const capacities = await noted(workload, reference, incidents, options, () =>
      capacitiesOf(reference, workload, seed),
    );
    if (capacities === undefined) return;
    const plan = { capacities, seconds: options.seconds ?? workload.seconds, leadInMs: options.leadInMs, seed };
    const wanted = entrants.filter(({ contestant }) => options.isWanted(workload.name, contestant.name));
    const order = round % 2 === 0 ? wanted : wanted.reverse();
    for (const entrant of order) {
      options.signal.throwIfAborted();
      const { name } = entrant.contestant;
      options.progress(`${workload.name}, round ${round + 1} of ${options.rounds}: ${name}`);
      const turn = { plan, round, keepsDisturbed: options.keepsDisturbed };
      const record = await noted(workload, entrant, incidents, options, () => measure(entrant, workload, turn));
      if (record !== undefined) rounds.push(record);
    }
  }
}

/** What `use` gives while the entrant is awake; undefined, and an incident, when it fails. */
async function noted<T>(
  workload: Workload,
  entrant: Entrant,
  incidents: Incident[],
  { notice }: TournamentOptions,
  use: () => Promise<T>,
): Promise<T | undefined> {
  const { name } = entrant.contestant;
  try {
    return await awake(entrant, use);
  } catch (error) {
    const ending = entrant.server.ending();
    const reason = ending === undefined ? (error as Error).message : `the server ended ${ending}`;
    incidents.push({ workload: workload.name, contestant: name, reason: reason.split('\n')[0]! });
    notice(`${workload.name}, ${name}: ${reason}`);
    return undefined;
  }
}

async function awake<T>({ server }: Entrant, use: () => Promise<T>): Promise<T> {
  server.resume();
  try {
    return await use();
  } finally {
    server.pause();
  }
}
