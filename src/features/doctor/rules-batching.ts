/** Rules about batches: why they stay small, and what padding costs. */

import type { ModelsReport, SignatureReport } from '../../admin/models-report.ts';
import { showNumber, showShare } from '../../ledger/quantities.ts';
import type { Finding, Rule, ServerFacts } from './rule.ts';
import type { ModelTraffic, Traffic } from './traffic.ts';

const ENOUGH_BATCHES = 100;
/** A mean batch of at most this many rows counts as one row. */
const ONE_ROW = 1.05;
/** A client is nearly always waiting for an answer if so many requests are in flight on average. */
const ALWAYS_ONE = 0.5;
const SEVERAL = 1.5;
const PADDING_SHARE = 0.3;

type Reason = Pick<Finding, 'why' | 'change'>;

export const batchesOfOne: Rule = ({ server }) =>
  (server?.traffic.models ?? []).flatMap((model) => {
    if (model.batches < ENOUGH_BATCHES || model.rows / model.batches > ONE_ROW) return [];
    const reason = whyOne(server!, model);
    if (reason === undefined) return [];
    const what = `batches are never above 1 row (${model.batches} batches, ${model.rows} rows)`;
    return [{ id: 'batches_of_one', model: model.model, what, ...reason }];
  });

/** Undefined where requests are rare: nothing is wrong then. */
function whyOne({ report, traffic }: ServerFacts, model: ModelTraffic): Reason | undefined {
  return whyImpossible(report, model) ?? whyAlone(report, traffic, model);
}

/** The option or the model's shape that rules out larger batches. */
function whyImpossible({ plan, models }: ModelsReport, { model, version }: ModelTraffic): Reason | undefined {
  if (!plan.is_batching_enabled)
    return { why: 'batching is off (--enable_batching=false)', change: 'start without --enable_batching=false' };
  if (plan.max_batch_size === 1)
    return { why: '--max_batch_size is 1', change: 'start without --max_batch_size, or with a larger one' };
  const signatures = signaturesOf(models, { model, version });
  const [first] = signatures;
  if (first === undefined || signatures.some(({ batch_axis }) => batch_axis !== 'none')) return undefined;
  return {
    why: `no signature of the model has a batch axis: ${first.reason ?? 'its backend gives none'}`,
    change:
      first.fix ??
      'if its rows are independent, say where they are with "batching" in the pillion.yaml beside the model, or export it with a free first dim of every input and output (dynamic_axes)',
  };
}

type Version = Pick<ModelTraffic, 'model' | 'version'>;

function signaturesOf(models: ModelsReport['models'], { model, version }: Version): readonly SignatureReport[] {
  const loaded = models.find(({ name }) => name === model)?.versions.find((each) => each.version === version);
  return loaded?.signatures ?? [];
}

/** Why requests that could share a run do not meet. */
function whyAlone({ models }: ModelsReport, { seconds }: Traffic, model: ModelTraffic): Reason | undefined {
  const inFlight = model.requestSeconds / seconds;
  if (inFlight < ALWAYS_ONE) return undefined;
  if (inFlight < SEVERAL) {
    return {
      why: `requests come one at a time (${showNumber(inFlight)} in flight on average): the client waits for each answer`,
      change: 'send several at a time, or several rows in one request',
    };
  }
  const { queue, execute } = model.stageSeconds;
  if (queue < 0.1 * execute) {
    return {
      why: `a slot is free for every request (${showNumber(inFlight)} in flight on average), so none waits for another`,
      change:
        'nothing, if latency matters; for more throughput lower --num_batch_threads or set --batch_timeout_micros',
    };
  }
  const padded = signaturesOf(models, model).find(({ padding }) => padding?.is_on === true)?.padding;
  if (padded !== undefined) {
    return {
      why: `rows are longer than ${padded.up_to}, so that they share runs with those of their own length alone: padding is proved ${padded.reason}`,
      change:
        'wait until the proof has ended, keep it with --state_dir, or say in pillion.yaml up to which length padding changes no answer (max_padded_length)',
    };
  }
  return {
    why: 'requests that wait together do not fit together: their shapes beside dim 0, outputs or signatures differ',
    change:
      'set --pad_variable_length_inputs or send inputs of the same shape (pad to a few lengths), and ask for the same outputs',
  };
}

export const timeoutWasted: Rule = ({ server }) => {
  const timeoutMs = (server?.report.plan.batch_timeout_micros ?? 0) / 1000;
  if (timeoutMs === 0) return [];
  return server!.traffic.models.flatMap((model) => {
    const byTimeout = (model.reasons['timeout'] ?? 0) / model.batches;
    if (model.batches < ENOUGH_BATCHES || byTimeout < 0.5 || model.rows / model.batches > 2) return [];
    return {
      id: 'timeout_wasted',
      model: model.model,
      what: `${showShare(byTimeout)} of the batches waited the full ${showNumber(timeoutMs)} ms for other requests, and held ${showNumber(model.rows / model.batches)} rows`,
      why: '--batch_timeout_micros is set, and requests come further apart than it allows',
      change: 'start without --batch_timeout_micros: batches form by themselves when slots are busy',
    };
  });
};

export const paddingWasted: Rule = ({ server }) =>
  (server?.traffic.models ?? []).flatMap((model) => {
    const share = model.paddingRows / (model.rows + model.paddingRows);
    if (model.batches < ENOUGH_BATCHES || share <= PADDING_SHARE) return [];
    return {
      id: 'padding_wasted',
      model: model.model,
      what: `${showShare(share)} of the rows that were computed are padding`,
      why: 'allowed batch sizes, or the model’s fixed batch size, are far above the batches that form',
      change: `allow sizes near ${showNumber(model.rows / model.batches)} rows (--allowed_batch_sizes), or leave out the option`,
    };
  });
