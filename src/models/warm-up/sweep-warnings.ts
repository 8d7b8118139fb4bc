/** Warnings that tell the operator the meaning of a sweep that failed. */
import type { Signature } from '../../core/signature.ts';
import type { Sweep, SweepFailure } from './batch-sweep.ts';

const MAX_REASON_LENGTH = 200;

/** `inputs of zeros of shape x [1,3,224,224] were refused: …`, in one line. */
export function refusalText({ shapes, error }: SweepFailure): string {
  const text = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').trim();
  const reason = text.length > MAX_REASON_LENGTH ? `${text.slice(0, MAX_REASON_LENGTH)}…` : text;
  return `inputs of zeros of shape ${shapes} were refused: ${reason}`;
}

/**
 * A warning for each signature of which nothing has run, so that nobody knows whether it works. A signature of
 * serialized tf.Examples refuses empty ones by rights: it counts only where no other signature has run.
 */
export function sweepWarnings(sweep: Sweep | undefined, signatures: ReadonlyMap<string, Signature>): readonly string[] {
  if (sweep === undefined) return [];
  const { seeds, failures } = sweep;
  const isExamples = (name: string): boolean =>
    [...(signatures.get(name)?.inputs.values() ?? [])].every(({ dtype }) => dtype === 'string');
  return failures
    .filter(({ isSmallest, signatureName }) => isSmallest && !(seeds.length > 0 && isExamples(signatureName)))
    .map((failure) => {
      const advice = 'if real requests are answered, add a warm-up record to check it at each load';
      return `signature "${failure.signatureName}" has not run: made-up ${refusalText(failure)}; ${advice}`;
    });
}
