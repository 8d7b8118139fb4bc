/** Sentences about a version's runtime. Pure. */
import type { RuntimeReport } from '../../../../admin/runtime-report.ts';
import { count, duration } from '../format.ts';

/** The chosen runtime and the other candidates, with reasons; undefined if there was no choice. */
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

/** The times of the first signature, for its smallest and its largest batch. */
function timesWords(times: Candidate['times']): string {
  const own = times.filter(({ signature }) => signature === times[0]!.signature);
  const ends = own.length > 1 ? [own[0]!, own.at(-1)!] : own;
  const words = ends.map(({ rows, ms }) => `${duration(ms)} for ${rows} ${rows === 1 ? 'row' : 'rows'}`);
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}
