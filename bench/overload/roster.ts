/**
 * The servers of one setup. One starts when it is first asked for, once; who does not start is an incident and is not
 * tried again. Ownership: `keepOnly` ends all others with their processes.
 */
import type { Contestant } from './contestants.ts';
import { type Entrant, type EntrantOptions, startEntrant } from './entrant.ts';
import type { Journal } from './journal.ts';
import type { Workload } from './workload.ts';

export interface RosterOptions extends EntrantOptions {
  readonly progress: (text: string) => void;
  readonly notice: (text: string) => void;
  /** Aborted: the servers are stopped, and its reason is thrown. */
  readonly signal: AbortSignal;
}

export class Roster {
  readonly #workload: Workload;
  readonly #journal: Journal;
  readonly #options: RosterOptions;
  readonly #entrants = new Map<string, Entrant | undefined>();

  /** `workload` is any of those that share the servers. */
  constructor(workload: Workload, journal: Journal, options: RosterOptions) {
    this.#workload = workload;
    this.#journal = journal;
    this.#options = options;
  }

  /** Paused; undefined if it cannot be had. */
  async entrant(contestant: Contestant): Promise<Entrant | undefined> {
    const { name } = contestant;
    if (this.#entrants.has(name)) return this.#entrants.get(name);
    this.#options.progress(`${this.#workload.name}: ${name} starts`);
    try {
      this.#entrants.set(name, await startEntrant(contestant, this.#workload, this.#options));
    } catch (error) {
      this.#options.signal.throwIfAborted();
      this.#entrants.set(name, undefined);
      this.report(this.#workload.name, name, `left out: ${(error as Error).message}`);
    }
    return this.#entrants.get(name);
  }

  /** It has ended: what it left behind goes, and it starts anew when it is asked for. */
  async forget({ name }: Contestant): Promise<void> {
    const entrant = this.#entrants.get(name);
    this.#entrants.delete(name);
    await entrant?.server.stop();
  }

  report(workload: string, contestant: string, reason: string): void {
    this.#journal.addIncident({ workload, contestant, reason: reason.split('\n')[0]! });
    this.#options.notice(`${workload}, ${contestant}: ${reason}`);
  }

  async keepOnly(contestants: readonly Contestant[]): Promise<void> {
    const others = [...this.#entrants].filter(([name]) => contestants.every((contestant) => contestant.name !== name));
    await Promise.all(
      others.map(async ([name, entrant]) => {
        if (entrant === undefined) return;
        this.#entrants.delete(name);
        await entrant.server.stop();
      }),
    );
  }
}
