/** The findings of audits in words: for reasons of batch axes, for the log. */
import type { Suspect } from './judge-run.ts';

/** The step that an owner can take, as a clause. */
export const AUDIT_FIX =
  'look for an op that reaches over rows, or for a fault of the runtime, and serve what is mended as a new version';

/** Why requests do not share runs any more, as a clause. */
export function reasonText(suspect: Suspect): string {
  return `answers of shared runs differed from those of the same rows alone: ${suspectText(suspect)}`;
}

/** `output "y" of a row differed by 12 % of its largest number in a run of 8 rows`. Never values. */
export function suspectText({ output, share, size }: Suspect): string {
  const where = `in a run of ${size} rows`;
  if (!Number.isFinite(share)) return `output "${output}" of a row was another ${where}`;
  return `output "${output}" of a row differed by ${Number((100 * share).toPrecision(2))} % of its largest number ${where}`;
}
