/**
 * Measures a server's capacity for a mix of models: so many calls are open all the time, and each end starts the next.
 * The answers a second of the second part are its capacity; the first part warms up.
 */
import { SeededRandom } from '../../../src/core/repeatable/seeded-random.ts';
import { zipfCumulative } from '../../support/zipf.ts';
import { Outcome, outcomeOf } from '../outcomes.ts';
import { ConnectionPool, messageIndex, type PoolTarget } from './connection-pool.ts';

export interface ClosedLoop {
  /** Indices of the target's models, and how their weights fall. */
  readonly models: readonly number[];
  /** The stream whose messages are sent, if streams differ. Default the first. */
  readonly stream?: number;
  readonly zipf: number;
  /** Calls that are open at any time. */
  readonly calls: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly seed: number;
}

export interface Capacity {
  readonly answersPerSecond: number;
  /** Ends that were no answer, in the measured part. */
  readonly failed: number;
}

/** No deadline: what grpc-timeout's eight digits of µs still hold. */
const TIMEOUT_MS = 60_000;
const PAUSE_AFTER_FAILURE_MS = 5;

export async function measureCapacity(target: PoolTarget, loop: ClosedLoop): Promise<Capacity> {
  const random = new SeededRandom(loop.seed);
  const cumulative = zipfCumulative(loop.models.length, loop.zipf);
  const startedAt = performance.now();
  const [measureFrom, measureUntil] = [startedAt + loop.warmUpMs, startedAt + loop.warmUpMs + loop.measureMs];
  let [answered, failed, due] = [0, 0, 0];
  const pick = (): number => messageIndex(target, loop.stream ?? 0, loop.models[random.pick(cumulative)]!);
  let isFlushing = false;
  const onEnd = (_token: number, status: number, _bytes: number, at: number): void => {
    const isAnswer = outcomeOf(status) === Outcome.ANSWERED;
    const counts = at >= measureFrom && at < measureUntil ? 1 : 0;
    if (isAnswer) answered += counts;
    else failed += counts;
    // A refusal comes at once: asking again at once would measure refusals.
    if (!isAnswer) setTimeout(next, PAUSE_AFTER_FAILURE_MS);
    else next();
  };
  const pool = await ConnectionPool.open(target, onEnd);
  const sendDue = (): void => {
    isFlushing = false;
    while (due > 0 && pool.send(pick(), TIMEOUT_MS, 0) !== undefined) due -= 1;
    pool.flush();
  };
  const next = (): void => {
    due += 1;
    if (isFlushing || performance.now() >= measureUntil) return;
    isFlushing = true;
    setImmediate(sendDue);
  };
  for (let i = 0; i < loop.calls; i++) next();
  await new Promise((resolve) => setTimeout(resolve, measureUntil - performance.now()));
  const { failure } = pool;
  pool.close();
  if (failure !== undefined) throw failure;
  return { answersPerSecond: answered / (loop.measureMs / 1000), failed };
}
