/**
 * Sees to it that a run which fails for one request's values fails that request alone: judges whether the values or the
 * runtime were at fault, runs the other members again, and quarantines the callers of such values.
 *
 *   a run fails ─▶ is the runtime alive? (judge.ts) ──no──▶ its members fail, and the breaker counts it
 *                       └yes─▶ one request: its values are at fault: INVALID_ARGUMENT, its caller is quarantined
 *                            ▶ several: they are run again in parts
 *
 *   a b c d e f g h    the run fails; the runtime does not say for whose row
 *   a b c d │ e f g h  two halves; the members that are due first are in the first
 *   answered│ fails
 *           │ e f │ g h
 *           │     │ g, h: three or fewer are run one by one; one that fails alone is at fault
 *
 * One request at fault among n costs about 2·log2(n) runs. There are never more than 2n runs of parts, and as many of
 * known good requests as parts have failed; where a verdict is used again there are far fewer.
 *
 * Each part waits in the queue, in a lane of its own that no other request joins. So deadlines, cancels, priorities,
 * the turns of other models and admission's forecast apply to it as to everything that waits. Parts are made of the
 * requests' own tensors, which live until a request settles: the batch's buffers belong to the executor and may have
 * been moved to another thread.
 *
 * A batch of several is not run again if it failed for another reason than the values of an input (a lost worker, a
 * deadline, no server). Then its members fail.
 *
 * A run that ended its own process was at fault, whatever the runtime is like now. The members of such a batch go to
 * the quarantine (../task.ts) one by one, so that one of them ends no other request's process again. Where there is
 * none, as in the quarantine itself, they are run again here, in parts.
 */
import type { Instant } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import { Lane, type RerunGroup } from '../queue/lane.ts';
import type { QuarantineLanes } from '../queue/quarantine-lanes.ts';
import type { SchedulerParts } from '../scheduler-parts.ts';
import type { Task } from '../task.ts';
import { MAX_RUN_ALONE } from '../tuning.ts';
import { Isolation } from './isolation.ts';
import type { Judge } from './judge.ts';
import type { Verdict } from './known-good.ts';
import { NO_CALLER } from './quarantined-callers.ts';
import type { RunningBatch } from './running-batch.ts';

/** Two NULs in a row are in no key that is made of names. */
const KEY_MARK = '\0\0isolated ';

export class Isolator {
  readonly #parts: SchedulerParts;
  readonly #lanes: QuarantineLanes;
  readonly #judge: Judge;
  #made = 0;

  constructor(parts: SchedulerParts, lanes: QuarantineLanes, judge: Judge) {
    this.#parts = parts;
    this.#lanes = lanes;
    this.#judge = judge;
  }

  /** A run of parts, or of a quarantined caller, has succeeded, and its members are about to be answered. */
  onAnswered({ isolation, quarantined }: Lane, now: Instant): void {
    isolation?.onAnswered();
    if (quarantined !== undefined) this.#parts.quarantined.onAnswered(quarantined, now);
  }

  /** Its run begins. Called while callers are in quarantine, as the next one. */
  onSlotTaken({ lane, members }: RunningBatch, now: Instant): void {
    if (lane.quarantined === undefined && lane.isolation?.isTrial !== true) this.#lanes.onBatch(members, now);
  }

  /** Its run has ended, and its slot is free. */
  onSlotFree(running: RunningBatch, now: Instant): void {
    this.onSlotTaken(running, now);
    const { quarantined } = running.lane;
    if (quarantined !== undefined) this.#lanes.trim(quarantined, now);
  }

  /** A part has held a slot for so long, whether it failed or not. */
  onRerun({ lane }: RunningBatch, ms: number, now: Instant): void {
    if (lane.quarantined === undefined) lane.isolation!.onRerun(ms);
    else this.#parts.quarantined.charge(lane.quarantined, ms, now);
    lane.isolation!.onMemberSettled();
  }

  /**
   * The run failed with `error`. False: its members are to fail with it. True: they fail or are run again, some of them
   * later; `onSettled` is called once then, maybe before this returns.
   */
  onFailed(running: RunningBatch, error: ServingError, onSettled: () => void): boolean {
    const { lane, plan, record } = running;
    const isAlone = record.tasks === 1;
    if (lane.isolation?.isTrial === true || !isJudged(error, isAlone)) return false;
    const now = this.#parts.clock.nowMs();
    // The time of a part is charged when it ends.
    const costMs = running.isRerun ? 0 : now - running.slotSince;
    if (lane.quarantined !== undefined) this.#parts.quarantined.charge(lane.quarantined, costMs, now);
    const settle = (verdict: Verdict): void => {
      this.#settle(running, error, verdict, costMs);
      onSettled();
    };
    running.wait();
    // The caller is told the same whatever the verdict.
    if (isAlone && errorForCaller(error) === error) running.failMembers(error);
    // The runtime itself says that the values are at fault, or has shown it, or has answered other members.
    if (isProof(error) || lane.isolation?.hasAnswered === true) settle('alive');
    else {
      const isStrict = isAlone && lane.quarantined === undefined;
      // Another server gets no request that nobody has sent.
      const mayMakeUp = isAlone && this.#parts.executor.isElsewhere !== true;
      this.#judge.ask({ plan, isStrict, mayMakeUp }, settle);
    }
    return true;
  }

  #settle(running: RunningBatch, error: ServingError, verdict: Verdict, costMs: number): void {
    const now = this.#parts.clock.nowMs();
    const { lane, record } = running;
    if (verdict === 'alive' && record.tasks === 1) this.#blame(running, error, costMs);
    else {
      const members = running.wantedMembers();
      // The runtime works, whatever becomes of the members.
      if (verdict === 'alive') running.takeJudge()?.(true);
      else lane.isolation?.onUnexplained();
      if (verdict !== 'failed' && record.tasks > 1 && members.length > 0) this.#split(running, members, error, now);
      else running.fail(error, verdict === 'unknown' && record.tasks > 1 && members.length === 0 ? undefined : false);
    }
    lane.isolation?.onMemberSettled();
  }

  /** The batch's one request failed by its values. */
  #blame(running: RunningBatch, error: ServingError, costMs: number): void {
    const { lane, record } = running;
    const { quarantined, clock } = this.#parts;
    const now = clock.nowMs();
    const caller = running.firstMember.owner.context.caller ?? NO_CALLER;
    if (error.kind === 'worker_crashed' && !lane.isOdd) this.#parts.quarantine?.onCrash(caller);
    if (quarantined.blame(caller, now)) this.#lanes.separate(caller);
    if (lane.quarantined === undefined) quarantined.charge(caller, costMs, now);
    lane.isolation?.onFault(caller);
    record.isolation = 'values';
    running.fail(errorForCaller(error), true);
  }

  #split(running: RunningBatch, members: Task[], error: ServingError, now: Instant): void {
    const { lane } = running;
    const { quarantine } = this.#parts;
    running.setAside(error.kind, now);
    if (error.kind === 'worker_crashed' && quarantine !== undefined) {
      for (const member of members) member.owner.moveTo(quarantine, member, lane.plan, lane.outputs);
      return;
    }
    const charge = (caller: string, ms: number): void =>
      this.#parts.quarantined.charge(caller, ms, this.#parts.clock.nowMs());
    const isolation = lane.isolation ?? new Isolation(members, running.takeJudge(), charge);
    members.sort((a, b) => a.due - b.due);
    for (const part of partsOf(members)) this.#queueAgain(part, lane, isolation);
  }

  #queueAgain(part: readonly Task[], like: Lane, group: RerunGroup): void {
    this.#made += 1;
    let rows = 0;
    for (const task of part) rows += task.rows;
    const key = `${like.key}${KEY_MARK}${this.#made}`;
    const lane = new Lane(key, like.plan, like.outputs, undefined, like.rowBytes, { group, rows });
    lane.quarantined = like.quarantined;
    for (const task of part) {
      task.group = group;
      this.#parts.queue.push(lane, task);
    }
  }
}

/**
 * The values of an input may be the reason of the failure, or the reason is unknown. A request that was alone when its
 * worker died is judged for the breaker; several are not, as they would kill another worker.
 */
function isJudged({ kind, retryAfterMs }: ServingError, isAlone: boolean): boolean {
  if (kind === 'worker_lost') return isAlone && retryAfterMs === undefined;
  // Together they are too large, which each may not be.
  if (kind === 'too_large') return !isAlone;
  return kind === 'backend_failed' || kind === 'internal' || isProof({ kind });
}

/** The error alone says that the run is at fault, and not the runtime. */
function isProof({ kind }: Pick<ServingError, 'kind'>): boolean {
  return kind === 'invalid_request' || kind === 'worker_crashed' || kind === 'too_large';
}

/** Every runtime says so in words of its own. */
const NO_MEMORY = /\bout of memory\b|\bOOM\b|bad_alloc|\b(?:failed|cannot|unable) to allocate\b/i;

/** The error of a request whose values are at fault; the same error where it says something else than that. */
function errorForCaller(error: ServingError): ServingError {
  if (error.kind !== 'backend_failed' || NO_MEMORY.test(error.message)) return error;
  const text = `the model failed for the values of this request and works for others, so send other values: ${error.message}`;
  return new ServingError('invalid_request', text, {
    cause: error.cause,
    attributes: { stage: 'execute' },
  });
}

function partsOf(members: readonly Task[]): readonly (readonly Task[])[] {
  if (members.length <= MAX_RUN_ALONE) return members.map((member) => [member]);
  const half = Math.ceil(members.length / 2);
  return [members.slice(0, half), members.slice(half)];
}
