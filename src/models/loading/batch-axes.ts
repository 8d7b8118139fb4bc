/** Connects the batching of a version (batching/version-batching.ts) with its files, its host and the log. */
import { judgeRows } from '../../backends/backends.ts';
import type { Signature, Signatures } from '../../core/signature.ts';
import type { PadValues } from '../batching/padding-candidate.ts';
import { VersionBatching } from '../batching/version-batching.ts';
import { withoutAxis } from '../model-file/declare-batching.ts';
import type { OpenedVersion, VersionTarget } from '../runtimes/open-version.ts';
import { SLOW_RUN_MS } from '../warm-up/slow-run.ts';
import type { LoadServableOptions } from './load-options.ts';

/**
 * `declared`: the opened signatures, those with the owner's batch axes in which something is declared; the others are
 * the same objects. `padValues`: what the owner says inputs are padded with, by signature. Never rejects.
 */
export async function versionBatching(
  options: LoadServableOptions,
  { model, version, versionDirectory, batching, hashArtifact }: VersionTarget,
  { host, signatures: opened, backend }: OpenedVersion,
  declared: Signatures,
  padValues: ReadonlyMap<string, PadValues>,
): Promise<VersionBatching> {
  const { clock, decisions, readRecorded, events } = options;
  const isOn = batching.isBatchingEnabled;
  const signatures = isOn ? opened : withoutBatching(declared);
  const runtime = `${backend.kind} ${model.executionProvider}`;
  return new VersionBatching({
    clock,
    signatures,
    executor: host.executor,
    watchSignatures: isOn ? host.watchSignatures : undefined,
    maxRows: batching.scheduler.maxBatchSize,
    slowRunMs: slowRunMs(host.measured?.oneRowMs),
    declared: new Map(isOn ? [...declared].filter(([name, signature]) => signature !== opened.get(name)) : []),
    padValues: batching.isPadding ? padValues : undefined,
    judge: (signature, axes) => judgeRows(backend, versionDirectory, axes, signature),
    kept: await decisions.open(model.name, runtime, hashArtifact),
    readRecorded: () => readRecorded(versionDirectory, signatures),
    events: {
      onDecided: (signature, axis) => events.onBatchAxis?.(model.name, version, signature, axis),
      onDisproved: (signature, reason) => events.onBatchAxisDisproved?.(model.name, version, signature, reason),
      onPadding: (signature, state) => events.onPadding?.(model.name, version, signature, state),
    },
  });
}

/** 0 = the run was not slow. */
function slowRunMs(oneRowMs = 0): number {
  return oneRowMs < SLOW_RUN_MS ? 0 : oneRowMs;
}

/** A fixed batch stays: the model runs no other size. */
function withoutBatching(signatures: Signatures): Signatures {
  const single = new Map<string, Signature>();
  for (const [name, signature] of signatures) {
    const isDynamic = signature.batchAxis.kind === 'dynamic';
    single.set(name, isDynamic ? withoutAxis(signature, 'batching is off on this server') : signature);
  }
  return single;
}
