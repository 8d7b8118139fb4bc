/**
 * Counts how much of one scheduler's queue each caller holds, and what follows for the order and the limits.
 *
 *   caller a  ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓  a crowd: at least CROWD_BATCHES full batches
 *   caller b  ▓                       sparse beside it: at most a batch, or SPARSE_SHARE of the crowd ▸ goes first
 *   caller c  ▓▓▓▓                    neither
 *
 * A caller's fair share of a limit is the limit over the number of callers that hold anything. What it holds within its
 * share is never refused for what others hold. A caller alone may hold everything.
 */
import { DenseSet, type DenseSetMember } from '../../core/collections/dense-set.ts';
import { CROWD_BATCHES, SPARSE_SHARE } from '../tuning.ts';
import type { CallerUse } from './caller-table.ts';

/** The rows of one caller that wait in one scheduler. Only `Holdings` writes it. */
export interface Holding extends DenseSetMember {
  readonly use: CallerUse;
  rows: number;
  bytes: number;
  /** Rows of its admitted requests that have not come to wait yet (admission/promised-work.ts). */
  promisedRows: number;
}

export class Holdings {
  readonly #byUse = new WeakMap<CallerUse, Holding>();
  /** The callers that hold rows. */
  readonly #all = new DenseSet<Holding>();
  #last: Holding | undefined;
  /** Approximately the largest one: one that is larger now was larger than this at its last arrival. */
  #largest: Holding | undefined;

  of(use: CallerUse): Holding {
    if (this.#last?.use === use) return this.#last;
    let holding = this.#byUse.get(use);
    if (holding === undefined) {
      holding = { use, rows: 0, bytes: 0, promisedRows: 0, setIndex: -1 };
      this.#byUse.set(use, holding);
    }
    this.#last = holding;
    return holding;
  }

  /** Rows have come to wait. */
  add(holding: Holding, rows: number, bytes: number): void {
    if (holding.setIndex === -1) this.#all.add(holding);
    holding.rows += rows;
    holding.bytes += bytes;
    holding.use.waitingRows += rows;
    this.#compare(holding);
  }

  /** Rows of an admitted request will come; a negative number: so many of them have, or will not. */
  promise(holding: Holding, rows: number): void {
    if (holding.setIndex === -1) this.#all.add(holding);
    holding.promisedRows += rows;
    holding.use.waitingRows += rows;
    if (rows > 0) this.#compare(holding);
    else this.#leaveIfEmpty(holding);
  }

  /** They wait no more. */
  remove(holding: Holding, rows: number, bytes: number): void {
    holding.rows -= rows;
    holding.bytes -= bytes;
    holding.use.waitingRows -= rows;
    this.#leaveIfEmpty(holding);
  }

  /** Callers that hold rows. */
  get callers(): number {
    return this.#all.size;
  }

  /** Callers that hold rows, with this one. */
  callersWith(holding: Holding): number {
    return this.#all.size + (holding.setIndex === -1 ? 1 : 0);
  }

  /** The caller has become a crowd by these rows, which it has just got, and others hold rows. */
  hasBecomeCrowd(holding: Holding, rows: number, maxBatchSize: number): boolean {
    const crowd = CROWD_BATCHES * maxBatchSize;
    const held = heldRows(holding);
    return held >= crowd && held - rows < crowd && this.#all.size > 1;
  }

  /** Another caller is a crowd, and with `rows` more this one has at most a batch, or SPARSE_SHARE of the crowd. */
  isSparse(holding: Holding, rows: number, maxBatchSize: number): boolean {
    const most = this.#mostRows();
    if (most < CROWD_BATCHES * maxBatchSize) return false;
    return heldRows(holding) + rows <= Math.max(maxBatchSize, SPARSE_SHARE * most);
  }

  #mostRows(): number {
    if (this.#largest !== undefined && heldRows(this.#largest) === 0) {
      this.#largest = undefined;
      for (const each of this.#all.members) this.#compare(each);
    }
    return this.#largest === undefined ? 0 : heldRows(this.#largest);
  }

  #compare(holding: Holding): void {
    if (this.#largest === undefined || heldRows(holding) > heldRows(this.#largest)) this.#largest = holding;
  }

  #leaveIfEmpty(holding: Holding): void {
    if (heldRows(holding) === 0) this.#all.remove(holding);
  }
}

/** The rows that wait, and those that are sure to come. */
export function heldRows({ rows, promisedRows }: Holding): number {
  return rows + promisedRows;
}
