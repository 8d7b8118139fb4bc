/** What runs a version, and what its shadow has found, in words. Pure. */
import type { RuntimeReport, ShadowReport } from '../../runtime-report.ts';
import { count, duration } from '../format.ts';

/** Each artifact of the version, and why it runs or does not; undefined where there was nothing to choose. */
export function runtimeWords({ kind, reason, candidates = [] }: RuntimeReport): string | undefined {
  if (candidates.length < 2) return undefined;
  const others = candidates.filter(({ outcome }) => outcome !== 'chosen').map(candidateWords);
  const chosen = candidates.find(({ outcome }) => outcome === 'chosen');
  const took = chosen === undefined ? '' : timesWords(chosen.times);
  return `Runs on ${kind}${took}: ${reason ?? ''}. ${others.join('. ')}.`;
}

type Candidate = NonNullable<RuntimeReport['candidates']>[number];

function candidateWords({ runtime, outcome, reason, relative_cost: cost, times }: Candidate): string {
  if (outcome === 'skipped') return `${runtime} is not used: ${reason ?? ''}`;
  return `${runtime} is slower${cost === undefined ? '' : `, ${count(cost)} ×`}${timesWords(times)}`;
}

/** Of the first signature: the smallest size and the largest. */
function timesWords(times: Candidate['times']): string {
  const own = times.filter(({ signature }) => signature === times[0]!.signature);
  const ends = own.length > 1 ? [own[0]!, own.at(-1)!] : own;
  const words = ends.map(({ rows, ms }) => `${duration(ms)} for ${rows} ${rows === 1 ? 'row' : 'rows'}`);
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}

/** What a shadow has found so far. */
export function shadowWords(shadow: ShadowReport): string {
  const { runtime, state, reason, compared, different, latency_ratio: ratio, left_out: left, outputs } = shadow;
  if (state !== 'running') return `Shadow on ${runtime}: ${state === 'off' ? `off, ${reason}` : 'it loads'}.`;
  const found = `Shadow on ${runtime}: ${count(different)} of ${count(compared)} compared batches differ`;
  const times = ratio === undefined ? '' : `; a run takes ${count(ratio)} × as long there`;
  const worst = outputs.map(({ output, mismatches, max_absolute: apart }) =>
    apart === undefined ? `${output} ${count(mismatches)} elements` : `${output} by up to ${apart.toPrecision(2)}`,
  );
  const lost = left.busy + left.too_large + left.failed;
  return [
    `${found}${times}.`,
    ...(worst.length === 0 ? [] : [` Differences: ${worst.join(', ')}.`]),
    ...(lost === 0 ? [] : [` Left out: ${left.busy} busy, ${left.too_large} too large, ${left.failed} failed.`]),
  ].join('');
}
