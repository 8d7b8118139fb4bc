/**
 * One model's comparison: all its contestants are started and checked, then measured in turn, round by round, so that
 * the machine's moods hit neighbours alike. Whoever cannot be started or answers wrong is left out, with the reason.
 * Whatever was started is stopped, also on an error.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { CONTESTANTS, type Contestant, labelOf, peerPython, RUNTIME } from './contestants.ts';
import { Entrant } from './entrant.ts';
import { type Load, measureRuntime } from './measure.ts';
import { type BenchModel, loadModel } from './models.ts';
import type { ModelPlan } from './options.ts';
import type { Protocol } from './protocols/protocol.ts';
import { BUSY_SHARE, type Incident, type Round, type Start } from './results.ts';

/**
 * The warm-up before the rounds of each number of connections: enough for just-in-time compilers, pools and learned
 * delays to settle at that number.
 */
const WARM_UP_SECONDS = 1;

/** Threads of loops, as many as Pillion has to run a model on: one core is the event loop's. */
const RUNTIME_THREADS = Math.max(1, availableParallelism() - 1);

export interface TournamentOptions {
  /** Directory of what bench/models/export.py writes. */
  readonly models: string;
  readonly rounds: number;
  readonly seconds: number;
  /** `progress` gets what happens now, and `notice` what a person should know afterwards. */
  readonly progress: (text: string) => void;
  readonly notice: (text: string) => void;
  /** Ends it before the next measurement. */
  readonly signal: AbortSignal;
}

export interface Outcome {
  readonly starts: readonly Start[];
  readonly incidents: readonly Incident[];
  readonly rounds: readonly Round[];
}

export async function runTournament(plan: ModelPlan, options: TournamentOptions): Promise<Outcome> {
  const tournament = new Tournament(plan, await loadModel(plan.model, options.models), options);
  return tournament.run();
}

class Tournament {
  readonly #plan: ModelPlan;
  readonly #model: BenchModel;
  readonly #options: TournamentOptions;
  readonly #entrants = new Set<Entrant>();
  readonly #starts: Start[] = [];
  readonly #incidents: Incident[] = [];
  readonly #rounds: Round[] = [];

  constructor(plan: ModelPlan, model: BenchModel, options: TournamentOptions) {
    this.#plan = plan;
    this.#model = model;
    this.#options = options;
  }

  async run(): Promise<Outcome> {
    const { peers, surfaces, connections } = this.#plan;
    try {
      for (const contestant of CONTESTANTS) {
        const isIn = peers.includes(contestant.name) && contestant.protocols.some((p) => surfaces.includes(p.surface));
        if (isIn) await this.#enter(contestant);
      }
      for (const count of connections) await this.#measureWith(count);
    } finally {
      await Promise.all([...this.#entrants].map((entrant) => entrant.stop()));
    }
    return { starts: this.#starts, incidents: this.#incidents, rounds: this.#rounds };
  }

  async #enter(contestant: Contestant): Promise<void> {
    const { name, peer, label } = contestant;
    this.#options.signal.throwIfAborted();
    this.#options.progress(`${this.#model.name}: starting ${label}`);
    try {
      if (peer !== undefined && !existsSync(peerPython(peer))) throw new Error('its packages are not installed');
      const onRestart = (reason: Error): void => this.#report(name, reason, false);
      const entrant = await Entrant.enter(contestant, this.#model, this.#plan.surfaces, onRestart);
      this.#entrants.add(entrant);
      this.#starts.push({ model: this.#model.name, contestant: name, seconds: entrant.startSeconds });
    } catch (error) {
      this.#report(name, error as Error, true);
    }
  }

  async #measureWith(connections: number): Promise<void> {
    const { rounds, seconds } = this.#options;
    const where = `${this.#model.name}, ${connections} connections`;
    await this.#eachTurn(`${where}, warming up`, { connections, seconds: WARM_UP_SECONDS }, 0);
    for (let round = 0; round < rounds; round++) {
      const load: Load = { connections, seconds };
      const turn = await this.#eachTurn(`${where}, round ${round + 1} of ${rounds}`, load, round);
      for (const measured of turn) this.#record(measured);
      if (this.#plan.peers.includes(RUNTIME.name)) {
        const batch = turn.findLast(({ meanBatch }) => meanBatch !== undefined)?.meanBatch ?? connections;
        this.#record(await measureRuntime(this.#model, load, Math.round(batch), RUNTIME_THREADS, round));
      }
    }
  }

  /** Everyone once on each surface. */
  async #eachTurn(where: string, load: Load, round: number): Promise<Round[]> {
    const measured: Round[] = [];
    for (const entrant of this.#entrants) {
      for (const protocol of entrant.protocols) {
        this.#options.signal.throwIfAborted();
        this.#options.progress(`${where}: ${entrant.contestant.name} ${protocol.surface}`);
        const result = await this.#attempt(entrant, protocol, load, round);
        if (result === undefined) break;
        measured.push(result);
      }
    }
    return measured;
  }

  async #attempt(entrant: Entrant, protocol: Protocol, load: Load, round: number): Promise<Round | undefined> {
    try {
      return await entrant.measure(protocol, load, round);
    } catch (error) {
      this.#report(entrant.contestant.name, error as Error, true);
      this.#entrants.delete(entrant);
      await entrant.stop();
      return undefined;
    }
  }

  #report(contestant: string, { message }: Error, isLeftOut: boolean): void {
    const model = this.#model.name;
    this.#options.notice(
      `${labelOf(contestant)} is ${isLeftOut ? 'left out of' : 'started again for'} ${model}: ${message}`,
    );
    this.#incidents.push({ model, contestant, reason: message.split('\n')[0]!, isLeftOut });
  }

  #record(round: Round): void {
    const { contestant, surface, model, requests, failed, foreignShare } = round;
    this.#rounds.push(round);
    const name = `${contestant} ${surface} on ${model}, round ${round.round + 1}`;
    if (foreignShare > BUSY_SHARE) {
      this.#options.notice(`the machine is busy: ${Math.round(foreignShare * 100)} % went elsewhere during ${name}`);
    }
    if (failed > 0) this.#options.notice(`${failed} of ${requests} requests failed: ${name}`);
  }
}
