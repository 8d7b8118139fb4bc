/**
 * How runs scale with cores, each by one measured number.
 *
 * Both are the law of a serial share (Amdahl, 1967; as contention in Gunther's Universal Scalability Law, 1993): n at
 * once do n ÷ (1 + s·(n − 1)) times the work of one, where s is fitted to what was measured of two.
 */

/** How many times as long a run takes beside another one: the median of seven models on two cores, 1.005 to 1.41. */
const USUAL_TWO_AT_ONCE = 1.04;

export interface Scaling {
  /** A run on two threads is so many times as fast as on one, 1 to 2. */
  readonly twoThreads: number;
  /** A run takes so many times as long while another one runs beside it on a core of its own, 1 to 2. */
  readonly twoAtOnce: number;
}

/** How many times as fast a run is on `threads` threads as on one, where nothing runs beside it. */
export function speedUp({ twoThreads }: Scaling, threads: number): number {
  const serialShare = 2 / twoThreads - 1;
  return threads / (1 + serialShare * (threads - 1));
}

/** How many times as long a run takes while `others` more (a mean, it may be a fraction) run beside it. */
export function slowDown({ twoAtOnce }: Pick<Scaling, 'twoAtOnce'>, others: number): number {
  return 1 + (twoAtOnce - 1) * others;
}

/** How many times as long a run takes while one runs in each of `slots`, where nobody measured it. */
export function usualSlowDown(slots: number): number {
  return slowDown({ twoAtOnce: USUAL_TWO_AT_ONCE }, slots - 1);
}
