/**
 * A model of which one run takes long: no other is made while it loads. Its sweep would take minutes, in which nothing new
 * is learned of it.
 */
import type { Host } from '../../backends/host/start-host.ts';
import type { Signatures } from '../../core/signature.ts';
import type { LatencySeed } from './batch-sweep.ts';

/** A run of the smallest batch that takes so long is the only one of a load. */
export const SLOW_RUN_MS = 10_000;

export interface SlowRun {
  /** The run's times; empty if it also prepared the runtime, and tells nothing about later runs. */
  readonly seeds: readonly LatencySeed[];
  /** A text for the log, and for a standing warning. */
  readonly text: string;
}

/** The only run of a load; undefined = runs are not so slow, and others may follow. Waits for one that is in progress. */
export async function slowRunOf(
  { measured }: Pick<Host, 'measured'>,
  firstRunMs: Promise<number>,
  signatures: Signatures,
): Promise<SlowRun | undefined> {
  const runMs = measured?.oneRowMs ?? (await firstRunMs);
  if (runMs < SLOW_RUN_MS) return undefined;
  const seconds = Math.round(runMs / 1000);
  const text = `one run took ${seconds} s, so no other was made while it loaded, and larger batches were not tried`;
  return { seeds: measured === undefined ? [] : seedsOf(signatures, runMs), text };
}

function seedsOf(signatures: Signatures, runMs: number): readonly LatencySeed[] {
  return [...signatures].map(([signatureName, { batchAxis }]) => {
    return { signatureName, rows: batchAxis.kind === 'fixed' ? batchAxis.size : 1, runMs: [runMs] };
  });
}
