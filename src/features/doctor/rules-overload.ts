/** Rules about requests that were refused, came too late, or failed. */
import { showShare } from '../../ledger/quantities.ts';
import type { Finding, Rule } from './rule.ts';
import { busyModels } from './rules-model.ts';
import type { ModelTraffic } from './traffic.ts';

const REFUSED_SHARE = 0.01;
const QUEUED_SHARE = 0.5;

type Advice = readonly [why: string, change: string];

/** Advice by the scheduler's reason. Other reasons need no change. */
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
    'they could not be answered by their deadline, behind the requests that already waited',
    'add replicas or cores, or let clients allow more time',
  ],
  deadline_too_short: [
    'their deadline is shorter than a single run takes',
    'let clients allow more time, or serve a smaller model',
  ],
  standing_queue: [
    'the queue has not emptied for long: there is more work than the cores can do',
    'add replicas or cores',
  ],
  caller_budget: [
    'callers whose values the model cannot take have used up the time that they may cost others',
    'let those callers check what they send; the answers with 400 have the runtime’s words',
  ],
  caller_limit: [
    'callers sent more than one caller may (--caller_max_…, --caller_…_per_s)',
    'let those callers send less, or raise the limit that the answers name',
  ],
  caller_core_share: [
    'callers took more of the cores than one caller may while others wait (--caller_core_share)',
    'let those callers send less, add cores, or raise --caller_core_share; pillion status --callers names them',
  ],
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
    return {
      id: 'queue_long',
      model: traffic.model,
      what: `requests wait in the queue for ${showShare(share)} of their time`,
      why: 'all slots are busy when they come',
      change: 'add cores or replicas; with a lower slo_ms, late requests are refused earlier',
    };
  });

/** Advice by kind of error. */
const BY_OUTCOME: Readonly<Record<string, Advice>> = {
  backend_failed: ['the runtime threw', 'read its text in the log, and try the model with such an input'],
  worker_crashed: [
    'their runs ended the model’s process',
    'read the reason and the callers in the log; send the model other values or shapes',
  ],
  worker_lost: ['the worker that ran them died', 'read the reason in the log; run the model in its own process'],
  internal: ['an internal error of the server', 'read the log, and report it'],
  invalid_request: [
    'they do not match the model’s signature',
    'read the text of an answer: it says what was sent and what the model takes',
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
