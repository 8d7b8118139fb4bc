import type { GrowingWriter } from '../../codec/protobuf/growing-writer.ts';
import type { Instant } from '../../core/clock.ts';

const TWO_TO_16 = 2 ** 16;
const TWO_TO_32 = 2 ** 32;
const NANOS_A_MS = 1e6;

/** Writes instants as nanoseconds since 1970 in 64 bits, without a BigInt. A double would be exact only to 256 ns. */
export class UnixNanos {
  #wallWholeMs = 0;
  #wallRestMs = 0;
  /** The last instant that was split: a stage begins when the one before it ended. */
  #instant: Instant = Number.NaN;
  #low = 0;
  #high = 0;

  /** Sets the wall time at monotonic 0, in ms since 1970. */
  startAt(wallAtZero: number): void {
    this.#wallWholeMs = Math.floor(wallAtZero);
    this.#wallRestMs = wallAtZero - this.#wallWholeMs;
    this.#instant = Number.NaN;
  }

  /** Writes a fixed64. */
  writeTo(writer: GrowingWriter, instant: Instant): void {
    if (instant !== this.#instant) this.#split(instant);
    writer.fixed64(this.#low, this.#high);
  }

  /** Splits the instant before it is multiplied, so that each part is exact. */
  #split(instant: Instant): void {
    const wholeInstant = Math.floor(instant);
    const wholeMs = this.#wallWholeMs + wholeInstant;
    const nanos = Math.round((this.#wallRestMs + (instant - wholeInstant)) * NANOS_A_MS);
    const upperMs = Math.floor(wholeMs / TWO_TO_16);
    const upper = upperMs * NANOS_A_MS;
    const lower = (wholeMs - upperMs * TWO_TO_16) * NANOS_A_MS + nanos;
    const upperHigh = Math.floor(upper / TWO_TO_16);
    const low = (upper - upperHigh * TWO_TO_16) * TWO_TO_16 + lower;
    this.#low = low % TWO_TO_32;
    this.#high = upperHigh + Math.floor(low / TWO_TO_32);
    this.#instant = instant;
  }
}
