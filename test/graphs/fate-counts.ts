/** What became of the graphs, in all and by the ops that are in them. */
import type { ChunkReport, Fate } from './fate.ts';

const FATES: readonly Fate[] = ['rows, same', 'rows, refused', 'rows, unstable', 'rows, WRONG', 'mixed', 'undecided'];

const TOLD_EVERY = 10_000;

type Counts = Record<Fate, number>;

function noCounts(): Counts {
  return Object.fromEntries(FATES.map((fate) => [fate, 0])) as Counts;
}

export class FateCounts {
  readonly #all = noCounts();
  readonly #byOp = new Map<string, Counts>();
  #count = 0;
  #ended = 0;
  #told = 0;

  add({ fate, ops }: ChunkReport): void {
    this.#count += 1;
    this.#all[fate] += 1;
    for (const op of ops) {
      const counts = this.#byOp.get(op) ?? noCounts();
      counts[fate] += 1;
      this.#byOp.set(op, counts);
    }
  }

  /** A process ended at a graph. */
  addEnded(): void {
    this.#count += 1;
    this.#ended += 1;
  }

  /** Graphs that were judged `rows` and whose rows were compared. */
  get compared(): number {
    return this.#all['rows, same'] + this.#all['rows, WRONG'];
  }

  get wrong(): number {
    return this.#all['rows, WRONG'];
  }

  /** A line for every so many graphs, and at the end; undefined else. */
  progress(total: number): string | undefined {
    if (this.#count < this.#told + TOLD_EVERY && this.#count !== total) return undefined;
    this.#told = this.#count;
    const [count, compared] = [this.#count, this.compared].map((number) => number.toLocaleString('en'));
    return `${count} graphs, ${compared} compared, ${this.wrong} wrong`;
  }

  /** Shares of the fates, then a line for each op. */
  table(): string {
    const shares = FATES.map(
      (fate) => `  ${fate.padEnd(16)} ${String(this.#all[fate]).padStart(8)}  ${this.#share(this.#all[fate])}`,
    );
    const head = `  ${'op'.padEnd(30)}${FATES.map((fate) => fate.replace('rows, ', '').padStart(10)).join('')}`;
    const lines = [...this.#byOp]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([op, counts]) => `  ${op.padEnd(30)}${FATES.map((fate) => String(counts[fate]).padStart(10)).join('')}`);
    const ended = this.#ended === 0 ? [] : [`  the process ended ${String(this.#ended).padStart(7)}`];
    return ['', `${this.#count.toLocaleString('en')} graphs`, ...shares, ...ended, '', head, ...lines].join('\n');
  }

  #share(count: number): string {
    return `${((100 * count) / Math.max(1, this.#count)).toFixed(1)} %`;
  }
}
