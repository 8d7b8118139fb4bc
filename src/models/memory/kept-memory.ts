/**
 * Counts what models keep between requests, over all of them: states of sequences, steps that wait for the one before,
 * and answers. Each model has bounds of its own; together they are bounded here, by a share of the memory that the
 * server has for requests (proxy/memory-budget.ts).
 *
 * Answers are kept while nothing else wants the room: they are given up first.
 */

/** Kept answers, which may be given up at any time. */
export interface KeptAnswers {
  readonly bytes: number;
  /** Gives up answers of at least so many bytes, or all. */
  giveUp(bytes: number): void;
}

export class KeptMemory {
  /** The most that may be kept; whoever knows the machine sets it. */
  limitBytes = Infinity;
  readonly #answers = new Set<KeptAnswers>();
  #bytes = 0;

  /** All that is kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** These may be given up from now on; what they keep is counted by `add`. */
  register(answers: KeptAnswers): void {
    this.#answers.add(answers);
  }

  /** So many bytes more are kept, or fewer if it is negative. */
  add(bytes: number): void {
    this.#bytes += bytes;
  }

  /** True if so many bytes more may be kept. */
  hasRoomFor(bytes: number): boolean {
    return this.#bytes + bytes <= this.limitBytes;
  }

  /** Gives up answers until so many bytes more may be kept; false if that is not enough. */
  makeRoomFor(bytes: number): boolean {
    this.giveUp(this.#bytes + bytes - this.limitBytes);
    return this.hasRoomFor(bytes);
  }

  /** Gives up answers of at least so many bytes, or all: those of the model with the most first. */
  giveUp(bytes: number): void {
    let left = bytes;
    if (!(left > 0)) return;
    for (const answers of [...this.#answers].sort((a, b) => b.bytes - a.bytes)) {
      const before = answers.bytes;
      answers.giveUp(left);
      left -= before - answers.bytes;
      if (left <= 0) return;
    }
  }
}
