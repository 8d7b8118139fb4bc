/** Log lines about audits of shared runs. They have names and shapes of a row's tensors, never their values. */
import type { Logger } from '../../../ledger/log/log.ts';
import { reasonText, suspectText } from './audit-findings.ts';
import type { Fault, Suspect } from './judge-run.ts';

/** The further life of the signature. */
export type Consequence =
  /** Requests share no runs any more, or only those of one length do. */
  | 'apart'
  | 'unpadded'
  /** The owner has declared the batch axis, and is obeyed. */
  | 'obeyed';

export interface RunAuditLog {
  onDifferent(signature: string, suspect: Suspect, fault: Fault, consequence: Consequence): void;
  onTransient(signature: string, suspect: Suspect): void;
  onUnsteady(signature: string): void;
}

const CONSEQUENCES: Readonly<Record<Consequence, string>> = {
  apart: 'its requests share no runs any more',
  unpadded: 'its requests of different lengths share no runs any more',
  obeyed: 'its requests share runs all the same, as the batch axis is declared',
};

export function auditLog(logger: Logger, model: string, version: string): RunAuditLog {
  const of = { model, version };
  const factsOf = ({ output, share, size, shapes, companion }: Suspect) => ({
    output,
    // JSON has no Infinity.
    difference: Number.isFinite(share) ? share : 'another',
    rows: size,
    shapes,
    companion_shapes: companion,
  });
  return {
    onDifferent: (signature, suspect, fault, consequence) =>
      logger.error(
        { event: 'shared_run_differed', ...of, signature, fault, ...factsOf(suspect) },
        `${CONSEQUENCES[consequence]}: ${reasonText(suspect)}`,
      ),
    onTransient: (signature, suspect) =>
      logger.warn(
        { event: 'shared_run_transient', ...of, signature, ...factsOf(suspect) },
        `the answer to a row that shared a run was another than to the row alone, once: ${suspectText(suspect)}`,
      ),
    onUnsteady: (signature) =>
      logger.info(
        { event: 'shared_run_unsteady', ...of, signature },
        'its answers to the same row differ each time, so its shared runs are not audited',
      ),
  };
}
