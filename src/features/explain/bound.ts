/**
 * Finds the bound that holds: why a model version does not answer more than it does now. Pure.
 *
 *   callers, memory   what was refused, was refused by such a limit; or there was no memory for another session
 *   batch_size        the cores are full, and larger batches would run more rows on them
 *   cores             the cores are full, and requests wait or are refused; or they are nearly full, and requests are
 *                     refused because they would be late
 *   event_loop        reading, refusing and writing requests takes all of its thread; or nearly all, and requests are not
 *                     read in time
 *   queue             a burst found no room, though the cores are not full
 *   deadline          requests are refused because they would be late, or are late, though cores and event loop have
 *                     room
 *   nothing           there is room
 *
 * docs/why/scheduler.md, "Which bound holds", explains each.
 */

import type { Bound, BoundName } from '../../admin/explanation.ts';
import { type BoundFacts, FULL_SHARE, type RefusalGroup, type Refused } from './bound-facts.ts';
import {
  batchSizeSentence,
  callersSentence,
  coresSentence,
  deadlineSentence,
  eventLoopSentence,
  memorySentence,
  nothingSentence,
  queueSentence,
} from './bound-sentences.ts';
import { largerBatchGain } from './capacity.ts';

/** The same where requests are refused for the work before them: runs do not follow each other without a gap. */
const NEARLY_FULL_SHARE = 0.75;
/** A share of the requests from which on refusals and late answers count. */
const NOTABLE_SHARE = 0.01;
/** Requests wait that are in the queue for this share of a run, on average. */
const WAIT_SHARE = 0.5;
/** Share of full runs from which on the size of batches may be the bound, and the gain that makes it one. */
const FULL_RUNS_SHARE = 0.5;
const NOTABLE_GAIN = 1.1;

/** The groups by the reasons of docs/why/scheduler.md and `memory` of docs/why/memory.md; others are no bound. */
const GROUP_OF: Readonly<Record<string, RefusalGroup>> = {
  predicted_late: 'cores',
  standing_queue: 'cores',
  expired: 'cores',
  early_drop: 'cores',
  evicted: 'cores',
  deadline_too_short: 'deadline',
  queue_full: 'queue',
  queue_memory: 'memory',
  memory: 'memory',
  caller_core_share: 'callers',
  caller_budget: 'callers',
  caller_limit: 'callers',
  unread: 'event_loop',
};

/** Undefined for a version that had neither requests nor runs. */
export function boundOf(facts: BoundFacts): Bound | undefined {
  if (facts.requests === 0 && facts.batches === 0) return undefined;
  const refused = mostRefused(facts);
  const bound = nameOf(facts, refused);
  return { bound, sentence: `${TITLES[bound]}: ${sentenceOf(bound, facts, refused)}` };
}

const TITLES: Readonly<Record<BoundName, string>> = {
  cores: 'cores',
  deadline: 'deadline',
  queue: 'queue',
  memory: 'memory',
  callers: 'caller limits',
  event_loop: 'event loop',
  batch_size: 'batch size',
  nothing: 'nothing',
};

function nameOf(facts: BoundFacts, { group }: Refused): BoundName {
  if (group === 'callers' || group === 'memory') return group;
  const fullShare = group === 'cores' ? NEARLY_FULL_SHARE : FULL_SHARE;
  const isFull = facts.busyShare >= fullShare || facts.sessionShare >= fullShare;
  if (isFull && !facts.isInline && isPressed(facts, group)) {
    if (isHeldBack(facts)) return 'memory';
    return isBatchBound(facts) ? 'batch_size' : 'cores';
  }
  const fullLoopShare = group === 'event_loop' ? NEARLY_FULL_SHARE : FULL_SHARE;
  if (facts.loopShare >= fullLoopShare) return 'event_loop';
  if (group === 'queue') return 'queue';
  if (group !== undefined || isLate(facts)) return 'deadline';
  return 'nothing';
}

function sentenceOf(bound: BoundName, facts: BoundFacts, refused: Refused): string {
  switch (bound) {
    case 'cores':
      return coresSentence(facts, demandOf(facts, refused));
    case 'batch_size':
      return batchSizeSentence(facts, demandOf(facts, refused));
    case 'deadline':
      return deadlineSentence(facts, refused);
    case 'queue':
      return queueSentence(facts, refused);
    case 'memory':
      return memorySentence(facts, refused);
    case 'callers':
      return callersSentence(refused);
    case 'event_loop':
      return eventLoopSentence(facts);
    case 'nothing':
      return nothingSentence(facts);
  }
}

function mostRefused({ requests, refusals, unnamedRefusals }: BoundFacts): Refused {
  const groups = new Map<RefusalGroup, { count: number; reason: string; most: number }>();
  let unnamed = 0;
  for (const times of Object.values(unnamedRefusals)) unnamed += times;
  for (const [reason, times] of [...Object.entries(refusals), ...Object.entries(unnamedRefusals)]) {
    const group = GROUP_OF[reason];
    if (group === undefined) continue;
    const sum = groups.get(group) ?? { count: 0, reason, most: 0 };
    groups.set(group, sum);
    sum.count += times;
    if (times > sum.most) Object.assign(sum, { reason, most: times });
  }
  const [first] = [...groups].sort((a, b) => b[1].count - a[1].count);
  const share = first === undefined ? 0 : first[1].count / (requests + unnamed);
  if (first === undefined || share < NOTABLE_SHARE) return { group: undefined, share, reason: '' };
  return { group: first[0], share, reason: first[1].reason };
}

/** Requests are refused, are late, or wait. */
function isPressed(facts: BoundFacts, group: RefusalGroup | undefined): boolean {
  const { answered, queueMs, batches, runMs } = facts;
  if (group !== undefined || isLate(facts)) return true;
  return answered > 0 && batches > 0 && queueMs / answered >= (WAIT_SHARE * runMs) / batches;
}

/** Its sessions are full, other cores are free, and no further session could be opened. */
function isHeldBack({ growthRefusal, sessionShare, busyShare }: BoundFacts): boolean {
  return growthRefusal !== undefined && sessionShare >= FULL_SHARE && busyShare < FULL_SHARE;
}

function isLate({ requests, late }: BoundFacts): boolean {
  return late >= NOTABLE_SHARE * requests && late > 0;
}

function isBatchBound({ batches, fullBatches, curve, canBatchMore, budgetMs, sloMs }: BoundFacts): boolean {
  if (!canBatchMore || fullBatches < FULL_RUNS_SHARE * batches) return false;
  const gain = largerBatchGain(curve);
  if (gain === undefined || gain < NOTABLE_GAIN) return false;
  const last = curve.at(-1)!;
  const twiceMs = (2 * last.meanMs) / gain;
  return twiceMs <= (budgetMs ?? sloMs ?? Infinity) / 2;
}

/** How many times as many rows were asked for as were answered; Infinity where nobody knows, as none were refused. */
function demandOf(facts: BoundFacts, { group }: Refused): number {
  if (group === undefined && !isLate(facts)) return Infinity;
  return facts.answeredRows === 0 ? Infinity : Math.max(1, facts.rows / facts.answeredRows);
}
