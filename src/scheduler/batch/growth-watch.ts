/**
 * How much memory rows take in a run. Allocators keep what a run took for the next, so that only a run that is larger than
 * any before makes the process grow:
 *
 *   rows   1     2     4      not measured: what the process grows by between runs
 *   MiB    ▏20   ▏40   ▏80    8 rows: 60 beside one row, and 4 × 20
 */

/** The memory that is read, and how much of it may be taken. */
export interface GrowthWatchOptions {
  /** Most memory that runs of several rows may take beside that of one, in bytes. */
  readonly maxBytes: number;
  /** Resident memory of what runs the model, without what grows for other reasons, in bytes. */
  readonly readResident: () => number;
}

/** Says whether a larger run than any before would probably take too much. */
export class GrowthWatch {
  readonly #options: GrowthWatchOptions;
  #largest = 0;
  /** The memory that all runs took beyond that of the first row, in bytes. */
  #grown = 0;
  #rowBytes = 0;
  /** Resident memory when the largest run began. */
  #before = 0;
  /** The process's growth in that run, in bytes, and the rows that caused it. */
  #growth = 0;
  #rows = 1;

  constructor(options: GrowthWatchOptions) {
    this.#options = options;
  }

  onStart(rows: number): void {
    if (rows > this.#largest) this.#before = this.#options.readResident();
  }

  /** Runs that did not begin here, as those at load, are taken to have grown the process before. */
  onRun(rows: number): void {
    if (rows <= this.#largest) return;
    const growth = this.#before === 0 ? 0 : Math.max(0, this.#options.readResident() - this.#before);
    this.#rows = rows - this.#largest;
    this.#rowBytes = growth / this.#rows;
    this.#growth = growth;
    this.#grown += this.#largest === 0 ? growth - this.#rowBytes : growth;
    this.#largest = rows;
  }

  allows(rows: number): boolean {
    this.#forget();
    return this.#grown + (rows - this.#largest) * this.#rowBytes <= this.#options.maxBytes;
  }

  /** Forgets memory that the process has given back since: it was not the rows'. */
  #forget(): void {
    if (this.#growth === 0) return;
    const given = this.#growth - Math.max(0, this.#options.readResident() - this.#before);
    if (given <= 0) return;
    this.#grown = Math.max(0, this.#grown - given);
    this.#growth -= given;
    this.#rowBytes = this.#growth / this.#rows;
  }
}
