/**
 * The outcomes of a plan's requests, which the load generator and the simulator both write, and of which figures are
 * made.
 */

/** Codes in `Outcomes.kind`. */
export const Outcome = {
  /** Nothing came, not even after the run. */
  LOST: 0,
  /** Answered well, in time or not. */
  ANSWERED: 1,
  /** Turned away: RESOURCE_EXHAUSTED or UNAVAILABLE. */
  REFUSED: 2,
  /** DEADLINE_EXCEEDED. */
  EXPIRED: 3,
  /** Taken back by its client before anything came. */
  CANCELLED: 4,
  /** Any other answer, or a lost connection. */
  FAILED: 5,
} as const;

export interface Outcomes {
  readonly kind: Uint8Array;
  /** When it was given to the connection, on the plan's time in ms; NaN = never. */
  readonly sentAt: Float64Array;
  /** When its end was seen; NaN = never. */
  readonly endedAt: Float64Array;
}

export function emptyOutcomes(count: number): Outcomes {
  return {
    kind: new Uint8Array(count),
    sentAt: new Float64Array(count).fill(Number.NaN),
    endedAt: new Float64Array(count).fill(Number.NaN),
  };
}

const OK = 0;
const DEADLINE_EXCEEDED = 4;
const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;

/** The outcome of a gRPC status. */
export function outcomeOf(grpcStatus: number): number {
  switch (grpcStatus) {
    case OK:
      return Outcome.ANSWERED;
    case RESOURCE_EXHAUSTED:
    case UNAVAILABLE:
      return Outcome.REFUSED;
    case DEADLINE_EXCEEDED:
      return Outcome.EXPIRED;
    default:
      return Outcome.FAILED;
  }
}
