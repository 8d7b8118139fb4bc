/** The log line of a choice among runtimes. */
import type { Logger } from '../../ledger/log/log.ts';
import type { CandidateReport, RuntimeChoice } from '../../models/runtimes/runtime-choice.ts';

export function logChoice(
  logger: Logger,
  model: string,
  version: bigint,
  { runtime, reason, candidates }: RuntimeChoice,
): void {
  const described = Object.fromEntries(candidates.map((each) => [each.runtime, describeCandidate(each)]));
  const fields = { event: 'runtime', model, version: version.toString(), runtime, reason, candidates: described };
  logger.info(fields, `runs on ${runtime}: ${reason}`);
}

/** "slower, 2.3 ×; serving_default 1:0.21 64:1.9" (rows and ms), "skipped: …". */
export function describeCandidate({ outcome, reason, relativeCost, times }: CandidateReport): string {
  const cost = relativeCost === undefined ? '' : `, ${Number(relativeCost.toPrecision(2))} ×`;
  const parts = [outcome + cost + (reason === undefined ? '' : `: ${reason}`)];
  for (const signature of new Set(times.map((time) => time.signature))) {
    const own = times.filter((time) => time.signature === signature);
    parts.push(`${signature} ${own.map(({ rows, ms }) => `${rows}:${Number(ms.toPrecision(3))}`).join(' ')}`);
  }
  return parts.join('; ');
}
