/**
 * The first load of a model that will run in the server's own process happens in a process of its own: a runtime that
 * crashes while it loads or runs the model ends that one, and the load fails instead of the server.
 *
 *     load in a process ──▶ each signature: one row, then the largest batch ──▶ close ──▶ load as usual
 *          │ crash                │ crash                  └ refused, or not done in TRIAL_MS: it did not crash
 *          └──────────────────────┴──▶ load_failed, with the attribute `crashed`
 */
import { ServingError, toServingError } from '../../../core/errors.ts';
import type { Batch } from '../../../core/executor.ts';
import type { Signature, Signatures } from '../../../core/signature.ts';
import { syntheticBatch } from '../../synthetic-batch.ts';
import type { HostedSession } from '../hosted-session.ts';
import { type ProcessHostOptions, startProcessHost } from './process-host.ts';

/** A run that has not ended by then is given up: how slow models are served is decided elsewhere. */
const TRIAL_MS = 30_000;

export interface TrialOptions extends ProcessHostOptions {
  /** The option of the same name of HostOptions. */
  readonly maxBatchSize: number;
}

/**
 * Resolves when the model has been tried. Rejects with `load_failed` if it cannot be loaded or has crashed. Resolves with
 * a warning where no process can be started here.
 */
export async function tryInProcess(options: TrialOptions): Promise<string | undefined> {
  const { clock, maxBatchSize } = options;
  let hosted: HostedSession;
  try {
    // Its notes and events are not the model's, which loads later.
    const quiet = { onWorkerEvent: () => undefined, onNotes: undefined };
    const alone = { slots: 1, elastic: undefined, processGroup: undefined, endsAbandonedRuns: true };
    hosted = await startProcessHost({ ...options, ...quiet, ...alone });
  } catch (thrown) {
    const error = toServingError(thrown);
    if (error.attributes?.['noProcess'] === true) return untried(error);
    throw isCrash(error) ? crashed(options, error, 'it was loaded') : error;
  }
  try {
    const deadline = clock.nowMs() + TRIAL_MS;
    for (const batch of batchesOf(hosted.signatures, maxBatchSize)) {
      await tryBatch(options, hosted, { ...batch, deadline });
    }
  } finally {
    await hosted.close();
  }
  return undefined;
}

/** The load has ended its process by itself, and would end the next one. */
export function isCrash({ attributes }: ServingError): boolean {
  return attributes?.['crashed'] === true;
}

async function tryBatch(options: TrialOptions, { executor }: HostedSession, batch: Batch): Promise<void> {
  try {
    await executor.run(batch);
  } catch (thrown) {
    const error = toServingError(thrown);
    const what = `signature "${batch.signatureName}" was run with ${batch.size} row${batch.size === 1 ? '' : 's'} of zeros`;
    if (error.kind === 'worker_crashed') throw crashed(options, error, what);
    if (error.kind !== 'worker_lost' || options.clock.nowMs() > batch.deadline) return;
    const text = `model "${options.model}": the process in which it was tried was killed: ${error.message}`;
    throw new ServingError('load_failed', text, { attributes: { workerEnded: true } });
  }
}

function* batchesOf(signatures: Signatures, maxBatchSize: number): Iterable<Batch> {
  for (const [name, signature] of signatures) {
    const sizes = new Set([leastRows(signature), signature.batchAxis.kind === 'dynamic' ? maxBatchSize : 0]);
    for (const rows of sizes) {
      const batch = rows > 0 ? syntheticBatch(name, signature, { rows }) : undefined;
      if (batch !== undefined) yield batch;
    }
  }
}

function leastRows({ batchAxis }: Signature): number {
  return batchAxis.kind === 'fixed' ? batchAxis.size : 1;
}

function crashed({ model, versionDirectory }: TrialOptions, { message }: ServingError, when: string): ServingError {
  const text = `model "${model}": "${versionDirectory}" crashes its runtime, as was seen in a process of its own when ${when}`;
  return new ServingError('load_failed', `${text} (${signalIn(message)}); take another file or another runtime`, {
    attributes: { workerEnded: true, crashed: true },
  });
}

/** Reads how the process ended from its error's text: "signal SIGSEGV". */
function signalIn(message: string): string {
  return /\((signal SIG\w+|exit code \d+)\)/.exec(message)?.[1] ?? message;
}

function untried({ message }: ServingError): string {
  return `it was not tried in a process of its own first, so a crash of its runtime would end the server: ${message}`;
}
