/** Rules about requests that were refused, came too late, or failed. */
import type { Finding, Rule } from './finding.ts';
import { showShare } from './finding.ts';
import { busyModels } from './rules-model.ts';
import type { ModelTraffic } from './traffic.ts';

const REFUSED_SHARE = 0.01;
const QUEUED_SHARE = 0.5;

type Advice = readonly [why: string, change: string];

/** By the scheduler's reason; what it does for other reasons needs no change. */
const BY_REASON: Readonly<Record<string, Advice>> = {
  queue_full: [
    'the queue is full (--max_enqueued_batches)',
    'add replicas or cores; a longer queue only makes answers later',
  ],
  queue_memory: [
    'inputs that wait hold as much memory as they may (--max_queued_mib)',
    'add replicas, or raise --max_queued_mib and the memory limit',
  ],
  predicted_late: [
    'they could not be answered by their deadline, given what waits before them',
    'add replicas or cores, or let clients allow more time',
  ],
  deadline_too_short: [
    'their deadline is shorter than a single run takes',
    'let clients allow more time, or serve a smaller model',
  ],
  standing_queue: ['a queue has stood for long: there is more work than can be done', 'add replicas or cores'],
  evicted: [
    'requests of a higher priority took their places',
    'add replicas or cores, or send fewer requests with a high priority',
  ],
};

export const requestsRefused: Rule = ({ server }) => busyModels(server?.traffic.models).flatMap(refused);

function refused(traffic: ModelTraffic): Finding[] {
  const findings: Finding[] = [];
  for (const [reason, [why, change]] of Object.entries(BY_REASON)) {
    const share = (traffic.refusals[reason] ?? 0) / traffic.requests;
    if (share <= REFUSED_SHARE) continue;
    const what = `${showShare(share)} of the requests were refused (${reason})`;
    findings.push({ id: 'requests_refused', model: traffic.model, what, why, change });
  }
  return findings;
}

export const queueLong: Rule = ({ server }) =>
  busyModels(server?.traffic.models).flatMap((traffic) => {
    const share = traffic.stageSeconds.queue / traffic.requestSeconds;
    if (share <= QUEUED_SHARE) return [];
    return [
      {
        id: 'queue_long',
        model: traffic.model,
        what: `requests wait in the queue for ${showShare(share)} of their time`,
        why: 'all slots are busy when they come',
        change: 'add cores or replicas; a lower slo_ms refuses earlier what would be late',
      },
    ];
  });

/** By kind of error: what the caller or the model did. */
const BY_OUTCOME: Readonly<Record<string, Advice>> = {
  backend_failed: ['the runtime threw', 'look at the log for its text, and try the model with such an input'],
  worker_lost: ['the thread that ran them died', 'look at the log for why; serve the model from a process of its own'],
  internal: ['the server met an error of its own', 'look at the log, and report it'],
  invalid_request: [
    'they do not fit the model’s signature',
    'look at an answer’s text: it says what was sent and what is wanted',
  ],
};

export const requestsFailed: Rule = ({ server }) =>
  busyModels(server?.traffic.models).flatMap((traffic) =>
    Object.entries(BY_OUTCOME).flatMap(([outcome, [why, change]]) => {
      const share = (traffic.outcomes[outcome] ?? 0) / traffic.requests;
      if (share <= REFUSED_SHARE) return [];
      const what = `${showShare(share)} of the requests ended as ${outcome}`;
      return [{ id: 'requests_failed', model: traffic.model, what, why, change }];
    }),
  );
