/** The line of the log that says which of several runtimes a version has got, and what each of them took. */
import type { Logger } from '../../telemetry/log/log.ts';
import type { CandidateReport, RuntimeChoice } from './choose-runtime.ts';

/** For HostEvents. */
export function runtimeLog(logger: Logger): (model: string, version: bigint, choice: RuntimeChoice) => void {
  return (model, version, { runtime, reason, candidates }) => {
    const described = Object.fromEntries(candidates.map((each) => [each.runtime, describeCandidate(each)]));
    logger.info(
      { event: 'runtime', model, version: version.toString(), runtime, reason, candidates: described },
      `runs on ${runtime}: ${reason}`,
    );
  };
}

/** "slower, 2.3 ×; serving_default 1:0.21 64:1.9" (rows and ms), "skipped: …". */
export function describeCandidate({ outcome, reason, relativeCost, times }: CandidateReport): string {
  const head = [outcome, ...(relativeCost === undefined ? [] : [`${Number(relativeCost.toPrecision(2))} ×`])].join(
    ', ',
  );
  const parts = [reason === undefined ? head : `${head}: ${reason}`];
  for (const signature of new Set(times.map((time) => time.signature))) {
    const own = times.filter((time) => time.signature === signature);
    parts.push(`${signature} ${own.map(({ rows, ms }) => `${rows}:${Number(ms.toPrecision(3))}`).join(' ')}`);
  }
  return parts.join('; ');
}
