/**
 * All contestants on all workloads. Workloads that need the same servers share them; within a workload the contestants
 * take turns, round by round, every second round backwards, on the same requests. Whoever has no turn is stopped.
 *
 *   servers of {big} ─ pilot round:  one-0.7x: capacity, greedy, queue-2, …    one-2x: capacity, greedy, queue-2, …
 *                    ─ who is among the best nowhere is ended
 *                    ─ judged rounds: one-0.7x: round 1 (capacity, pillion, best) round 2 (capacity, best, pillion) …
 *                                     one-2x: …
 *   servers of {mid-0 … mid-9} ─ …
 *
 * All take part in the pilot round, so that nobody is warmer than others in the judged ones.
 *
 * A turn that was disturbed is taken again at once, up to twice, with the same requests. Each turn's record is in the
 * journal before the next begins; what is there is not measured again.
 */
import { neededBaselines } from './checks.ts';
import { CONTESTANTS, type Contestant, takesPart } from './contestants.ts';
import { type Entrant, setupOf } from './entrant.ts';
import type { Journal } from './journal.ts';
import { capacitiesOf, measure } from './measure.ts';
import type { PlanOptions } from './request-plan.ts';
import { type CapacityRecord, PILOT, type Results, type Round } from './results.ts';
import { Roster, type RosterOptions } from './roster.ts';
import { SELECTED, selectContestants } from './selection.ts';
import type { Ahead, TimeLeft } from './time-left.ts';
import type { Workload } from './workload.ts';

/** References of the loads, also if they are no contestants themselves. */
const REFERENCES = CONTESTANTS.filter(({ isReference }) => isReference === true);

export interface TournamentOptions extends RosterOptions {
  readonly contestants: readonly Contestant[];
  /** A pilot round on each workload chooses whom the judged rounds are left to. */
  readonly hasPilot: boolean;
  readonly rounds: number;
  /** Lengths that replace the workloads' own. */
  readonly seconds: number | undefined;
  readonly leadInMs: number;
  /** Rounds in which the machine had other work count all the same. */
  readonly keepsDisturbed: boolean;
  /** The seed of the pilot round; each judged round has a seed of its own after it. */
  readonly seed: number;
  readonly timeLeft: TimeLeft;
}

export async function runTournament(
  workloads: readonly Workload[],
  journal: Journal,
  options: TournamentOptions,
): Promise<void> {
  for (const setup of new Set(workloads.map(setupOf))) {
    const group = workloads.filter((workload) => setupOf(workload) === setup);
    await new GroupTournament(group, journal, options).run();
  }
}

class GroupTournament {
  readonly #group: readonly Workload[];
  readonly #journal: Journal;
  readonly #options: TournamentOptions;
  readonly #roster: Roster;

  constructor(group: readonly Workload[], journal: Journal, options: TournamentOptions) {
    this.#group = group;
    this.#journal = journal;
    this.#options = options;
    this.#roster = new Roster(group[0]!, journal, options);
  }

  async run(): Promise<void> {
    const { hasPilot, rounds } = this.#options;
    try {
      if (hasPilot) for (const workload of this.#group) await this.#round(workload, PILOT, this.#contestants(workload));
      await this.#roster.keepOnly([...REFERENCES, ...this.#group.flatMap((workload) => this.#judged(workload))]);
      for (const workload of this.#group) {
        for (let round = 0; round < rounds; round++) await this.#round(workload, round, this.#judged(workload));
      }
    } finally {
      await this.#roster.keepOnly([]);
    }
  }

  #contestants({ models }: Workload): readonly Contestant[] {
    return this.#options.contestants.filter((contestant) => takesPart(contestant, models));
  }

  #judged(workload: Workload): readonly Contestant[] {
    const contestants = this.#contestants(workload);
    if (!this.#options.hasPilot) return contestants;
    return selectContestants(workload.name, this.#journal.pilots, contestants, neededBaselines(workload));
  }

  async #round(workload: Workload, round: number, contestants: readonly Contestant[]): Promise<void> {
    const isDone = ({ name }: Contestant): boolean => this.#attempt(workload, name, round) === undefined;
    if (contestants.every(isDone)) return;
    const capacities = (await this.#capacity(workload, round))?.taken;
    if (capacities === undefined) return;
    const seconds = this.#options.seconds ?? workload.seconds;
    const plan = { capacities, seconds, leadInMs: this.#options.leadInMs, seed: this.#seedOf(round) };
    const order = round % 2 === 0 ? contestants : [...contestants].reverse();
    for (const contestant of order) {
      if (isDone(contestant)) continue;
      await this.#turn(workload, contestant, round, plan);
      // A server of ten models takes more than a GiB: all baselines of such a workload do not fit a machine.
      if (round === PILOT && workload.models.length > 1) await this.#roster.keepOnly(REFERENCES);
    }
  }

  #seedOf(round: number): number {
    return this.#options.seed + (round - PILOT);
  }

  #attempt(workload: Workload, contestant: string, round: number): number | undefined {
    return this.#journal.nextAttempt(workload.name, contestant, round === PILOT ? 'pilot' : round);
  }

  /** The largest of the references', stream by stream; undefined, and an incident, if none can be measured. */
  async #capacity(workload: Workload, round: number): Promise<CapacityRecord | undefined> {
    const known = this.#journal.capacityOf(workload.name, round);
    if (known !== undefined) return known;
    const measured: Record<string, readonly number[]> = {};
    for (const contestant of REFERENCES) {
      this.#say(workload, round, `capacity, ${contestant.name}`);
      const seed = this.#seedOf(round);
      const capacities = await this.#use(workload, contestant, (entrant) => capacitiesOf(entrant, workload, seed));
      if (capacities !== undefined) measured[contestant.name] = capacities;
      this.#options.timeLeft.capacityDone(workload);
    }
    const lists = Object.values(measured);
    if (lists.length === 0) return undefined;
    // Whole numbers: a run that goes on reads what this one wrote.
    const taken = workload.streams.map((_, i) => Math.round(Math.max(...lists.map((list) => list[i]!))));
    const record = { workload: workload.name, round, measured, taken };
    this.#journal.addCapacity(record);
    return record;
  }

  async #turn(workload: Workload, contestant: Contestant, round: number, plan: PlanOptions): Promise<void> {
    const { keepsDisturbed, timeLeft, notice } = this.#options;
    for (;;) {
      const attempt = this.#attempt(workload, contestant.name, round);
      if (attempt === undefined) break;
      this.#say(workload, round, contestant.name + (attempt === 0 ? '' : `, repeat ${attempt}`));
      const turn = { plan, round, attempt, keepsDisturbed };
      const record = await this.#use(workload, contestant, (entrant) => measure(entrant, workload, turn));
      if (record === undefined) break;
      this.#add(record);
      if (record.invalid !== undefined) notice(`${workload.name}, ${contestant.name}: ${record.invalid}`);
    }
    timeLeft.turnDone(workload);
  }

  #add(record: Round): void {
    if (record.round !== PILOT) {
      this.#journal.addRound(record);
      return;
    }
    const { workload, contestant, attempt, attainment, invalid } = record;
    this.#journal.addPilot({
      ...{ workload, contestant, attainment },
      ...(attempt !== undefined && { attempt }),
      ...(invalid !== undefined && { invalid }),
    });
  }

  /**
   * Resolves with what `use` gives while the entrant is awake; undefined, and an incident, when it fails or does not
   * start.
   */
  async #use<T>(
    workload: Workload,
    contestant: Contestant,
    use: (entrant: Entrant) => Promise<T>,
  ): Promise<T | undefined> {
    this.#options.signal.throwIfAborted();
    const entrant = await this.#roster.entrant(contestant);
    if (entrant === undefined) return undefined;
    const { server } = entrant;
    server.resume();
    try {
      return await use(entrant);
    } catch (error) {
      this.#options.signal.throwIfAborted();
      const ending = server.ending();
      const reason = ending === undefined ? (error as Error).message : `the server ended ${ending}`;
      this.#roster.report(workload.name, contestant.name, reason);
      if (ending !== undefined) await this.#roster.forget(contestant);
      return undefined;
    } finally {
      server.pause();
    }
  }

  #say(workload: Workload, round: number, what: string): void {
    const { rounds, progress, timeLeft } = this.#options;
    const name = round === PILOT ? 'pilot round' : `round ${round + 1} of ${rounds}`;
    progress(`${timeLeft.text()}${workload.name}, ${name}: ${what}`);
  }
}

/**
 * The turns that a run still has to do on a workload, as far as they can be told before it: the pilot's choice is not
 * known.
 */
export function turnsAhead(
  workload: Workload,
  done: Results,
  options: Pick<TournamentOptions, 'contestants' | 'hasPilot' | 'rounds'>,
): Ahead {
  const { hasPilot, rounds } = options;
  const contestants = options.contestants.filter((contestant) => takesPart(contestant, workload.models));
  const count = (records: readonly { readonly workload: string; readonly invalid?: string }[] = []): number =>
    records.filter((record) => record.workload === workload.name && record.invalid === undefined).length;
  const few = 1 + SELECTED + neededBaselines(workload).length;
  const judged = hasPilot ? Math.min(few, contestants.length) : contestants.length;
  const pilots = hasPilot ? contestants.length : 0;
  const capacityRounds = rounds + (hasPilot ? 1 : 0) - count(done.capacities);
  return {
    workload,
    turns: Math.max(0, rounds * judged + pilots - count(done.rounds) - count(done.pilots)),
    capacities: REFERENCES.length * Math.max(0, capacityRounds),
  };
}
