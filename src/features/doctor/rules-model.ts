/** Rules about models: whether they are served, and where a request's time goes. */

import { versionFindings } from '../../admin/version-findings.ts';
import { showNumber, showShare } from '../../ledger/quantities.ts';
import type { Rule } from './rule.ts';
import type { ModelTraffic } from './traffic.ts';

/** Fewer requests prove nothing. */
const ENOUGH_REQUESTS = 100;
const CODEC_SHARE = 0.4;
const LOOP_DELAY_SECONDS = 0.1;

export const notReady: Rule = ({ server }) => {
  const report = server?.report;
  if (report === undefined || report.ready) return [];
  const { waits_for: waits } = report;
  return {
    id: 'not_ready',
    what: 'the server is not ready',
    why: waits.length > 0 ? waits.join('; ') : 'it is shutting down',
    change: waits.length > 0 ? whatToMend(waits) : 'send requests to another server',
  };
};

function whatToMend(waits: readonly string[]): string {
  const ofModels = waits.filter((line) => line.startsWith('model '));
  if (ofModels.length > 0) return 'put each model at its base path';
  return 'look at the log of the application, and at --app, --app_health_path and --app_health_service here';
}

/** The advice of this name on each version. */
export function adviceOn(id: string): Rule {
  return ({ server }) =>
    (server?.report.models ?? []).flatMap(({ name, versions }) =>
      versions
        .flatMap((version) => versionFindings(version, versions))
        .flatMap(({ id: found, advice }) => (found === id && advice ? { id, model: name, ...advice } : [])),
    );
}

export const codecHeavy: Rule = ({ server }) =>
  busyModels(server?.traffic.models).flatMap((traffic) => {
    const { decode, encode } = traffic.stageSeconds;
    const share = (decode + encode) / traffic.requestSeconds;
    if (share <= CODEC_SHARE) return [];
    return {
      id: 'codec_heavy',
      model: traffic.model,
      what: `${showShare(share)} of a request’s time is reading and writing its tensors`,
      why: 'tensors travel as JSON text, or requests are very large for the model',
      change:
        'send them over gRPC with tensor_content, or as protobuf over REST; ask for fewer outputs (output_filter)',
    };
  });

export const loopDelayed: Rule = ({ server }) => {
  const delay = server?.traffic.loopDelayP99Seconds ?? 0;
  if (!(delay > LOOP_DELAY_SECONDS)) return [];
  const inline = server!.report.models
    .filter(({ versions }) => versions.some(({ host }) => host?.kind === 'inline'))
    .map(({ name }) => name);
  const isInline = inline.length > 0;
  return {
    id: 'loop_delayed',
    what: `the event loop was up to ${showNumber(delay * 1000)} ms late (99th percentile)`,
    why: isInline
      ? `${inline.join(', ')} ${inline.length === 1 ? 'runs' : 'run'} on it, or it has no core to itself`
      : 'it has no core to itself, or large JSON bodies keep it busy',
    change: isInline ? 'start with --host=thread' : 'give the server one more core, or send tensors over gRPC',
  };
};

/** Models with enough requests to judge. */
export function busyModels(models: readonly ModelTraffic[] = []): readonly ModelTraffic[] {
  return models.filter(({ requests, requestSeconds }) => requests >= ENOUGH_REQUESTS && requestSeconds > 0);
}
