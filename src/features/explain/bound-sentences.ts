/**
 * The sentence for each bound: what was measured, and what one more of it would give. The numbers are arithmetic on the
 * learned run times, at the present load; `pillion what-if` simulates the traffic of the last minutes.
 */
import { showNumber, showShare } from '../../ledger/quantities.ts';
import { type BoundFacts, FULL_SHARE, type Refused } from './bound-facts.ts';
import { largerBatchGain, rowsPerMs, rowsWithin, runMs } from './capacity.ts';

/** A gain below this is none. */
const LEAST_GAIN = 1.05;
const NO_MORE = 'would answer no more';

/** `demand`: how many times as many rows are asked for as answered. */
export function coresSentence(facts: BoundFacts, demand: number): string {
  const { runCores, sessions, sessionCores, sessionShare, busyShare, cores } = facts;
  if (busyShare < FULL_SHARE && sessionShare >= FULL_SHARE && sessionCores < runCores) {
    const gain = Math.min((sessions + 1) / sessions, runCores / sessionCores, demand);
    return `${sessionsAre(facts)}; one more session (num_batch_threads) ${would(gain)}`;
  }
  const more = would(Math.min((runCores + 1) / runCores, demand));
  const looser = looserGain(facts, demand);
  return [
    `${coresAre(facts)}; one more core ${more}`,
    ...(looser === undefined ? [] : [`, twice the ${looser.name} (${ms(looser.timeMs)}) ${timesOf(looser.gain)}`]),
    `; ${simulated(facts, cores + 1)}`,
  ].join('');
}

export function batchSizeSentence(
  { batches, fullBatches, curve, sloMs, budgetMs }: BoundFacts,
  demand: number,
): string {
  const { rows } = curve.at(-1)!;
  const gain = Math.min(largerBatchGain(curve)!, demand);
  const time = budgetMs ?? sloMs;
  const within = time === undefined ? '' : `, within the ${ms(time)} that there are`;
  return (
    `${showShare(fullBatches / batches)} of the runs have the largest size, ${rows} rows, and a row still gets cheaper in ` +
    `larger ones; --max_batch_size=${2 * rows} ${would(gain)}${within}`
  );
}

export function deadlineSentence(facts: BoundFacts, refused: Refused): string {
  if (refused.group === 'event_loop') return unreadSentence(facts, refused.share);
  const { budgetMs, sloMs, curve, cores, late, requests } = facts;
  const what =
    refused.group === undefined
      ? `${showShare(late / requests)} of the requests were late`
      : `${showShare(refused.share)} of the requests were refused (${refused.reason})`;
  const time = budgetMs ?? sloMs;
  const last = curve.at(-1);
  const start = `${what}, though ${coresAre(facts, 'only ')}`;
  if (time === undefined || last === undefined) return `${start}; let clients allow more time`;
  const rows = Math.min(last.rows, Math.max(1, Math.round(facts.rows / requests)));
  const fits = rowsWithin(curve, 2 * time);
  const gain = fits < rows ? 'is too short, too' : `has room for runs of ${rowsText(fits)}, ${answersOf(facts, fits)}`;
  return (
    `${start}: a run of ${rowsText(rows)} takes ${ms(runMs(curve, rows)!)} of the ${ms(time)} that requests have; ` +
    `twice that ${gain}${budgetMs === undefined ? `; ${simulated(facts, cores)}` : ''}`
  );
}

/** Their deadline had passed before they were read: on the way, or because it was too short from the start. */
function unreadSentence({ loopShare }: BoundFacts, share: number): string {
  const read = `before they were read, though the event loop is busy only ${showShare(loopShare)} of the time`;
  return `the deadline of ${showShare(share)} of the requests had passed ${read}; let clients allow more time`;
}

export function queueSentence(facts: BoundFacts, { share, reason }: Refused): string {
  return (
    `${showShare(share)} of the requests were refused (${reason}), though ${coresAre(facts, 'only ')}: they come in ` +
    'bursts; a larger --max_enqueued_batches takes them, and answers them later'
  );
}

export function memorySentence(facts: BoundFacts, { group, share, reason }: Refused): string {
  if (group !== 'memory') return `${sessionsAre(facts)}, and no further one was opened: ${facts.growthRefusal}`;
  const [what, change] =
    reason === 'queue_memory'
      ? ['the inputs of waiting requests hold --max_queued_mib', 'raise it, or send smaller requests']
      : ['the memory of all requests in flight is full', 'raise --max_request_memory_mib and the memory limit'];
  return `${showShare(share)} of the requests were refused because ${what}; ${change}`;
}

export function callersSentence({ share, reason }: Refused): string {
  return (
    `${showShare(share)} of the requests were refused for what their caller may take (${reason}); ` +
    '`pillion status --callers` names those who take most'
  );
}

export function eventLoopSentence(facts: BoundFacts): string {
  const { loopShare, isInline } = facts;
  const loop = `it is busy ${showShare(loopShare)} of the time`;
  if (isInline) return `${loop}, and the model runs on it; --host=thread moves the runs to cores of their own`;
  return (
    `${loop}, and ${coresAre(facts)}; more cores answer no more: ` +
    'send tensors over gRPC, several rows in a request, or add a replica'
  );
}

export function nothingSentence(facts: BoundFacts): string {
  const { isInline, loopShare } = facts;
  const use = isInline
    ? `the event loop, on which it runs, is busy ${showShare(loopShare)} of the time`
    : coresAre(facts);
  return `${use}, and requests find room; one more core or more time ${NO_MORE}`;
}

/** The command that simulates it. Its --slo is the objective of requests without a deadline. */
function simulated({ budgetMs, sloMs }: BoundFacts, cores: number): string {
  const slo = budgetMs === undefined && sloMs !== undefined ? ` --slo=${Math.ceil(2 * sloMs)}` : '';
  return `\`pillion what-if --cores=${cores}${slo}\` simulates it`;
}

/** The gain of batches that fit into twice the time. Undefined if no time or no run time is known. */
function looserGain(
  { budgetMs, sloMs, curve, batchRows, batches }: BoundFacts,
  demand: number,
): { readonly name: string; readonly timeMs: number; readonly gain: number } | undefined {
  const time = budgetMs ?? sloMs;
  if (time === undefined || batches === 0) return undefined;
  const now = rowsPerMs(curve, Math.max(1, batchRows / batches));
  const then = rowsPerMs(curve, Math.max(1, rowsWithin(curve, 2 * time)));
  if (now === undefined || then === undefined) return undefined;
  const name = budgetMs === undefined ? 'objective' : 'deadline';
  return { name, timeMs: 2 * time, gain: Math.min(demand, then / now) };
}

/** The clause that says which share of the requested rows batches of `rows` could answer. */
function answersOf({ curve, runCores, rows: asked, answeredRows, seconds }: BoundFacts, rows: number): string {
  const could = 1000 * runCores * rowsPerMs(curve, rows)! * seconds;
  return `which could answer about ${showShare(could / asked)}, instead of ${showShare(answeredRows / asked)}`;
}

/** "both cores for runs are busy 97 % of the time"; `only` stands before the share. */
function coresAre({ runCores, busyShare }: BoundFacts, only = ''): string {
  const which = runCores === 1 ? 'the core' : runCores === 2 ? 'both cores' : `the ${showNumber(runCores)} cores`;
  return `${which} for runs ${runCores === 1 ? 'is' : 'are'} busy ${only}${showShare(busyShare)} of the time`;
}

/** "the core that its sessions can take is busy 97 % of the time, beside free cores". */
function sessionsAre({ sessionCores, sessionShare }: BoundFacts): string {
  const [own, are] = sessionCores === 1 ? ['core', 'is'] : [`${sessionCores} cores`, 'are'];
  return `the ${own} that its sessions can take ${are} busy ${showShare(sessionShare)} of the time, beside free cores`;
}

function would(gain: number): string {
  return gain < LEAST_GAIN ? NO_MORE : `would answer about ${times(gain)} as many`;
}

function timesOf(gain: number): string {
  return gain < LEAST_GAIN ? 'no more' : `about ${times(gain)}`;
}

/** 1.44 → "1.4 ×". */
function times(value: number): string {
  return `${showNumber(value)} ×`;
}

function rowsText(rows: number): string {
  return rows === 1 ? 'one row' : `${rows} rows`;
}

function ms(value: number): string {
  return `${showNumber(value)} ms`;
}
