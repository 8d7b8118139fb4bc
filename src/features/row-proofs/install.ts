/** Proves the batch axes and the padding of versions that are loaded, and keeps the outcomes in --state_dir. */
import type { Clock } from '../../core/clock.ts';
import type { Installation } from '../../kernel/installation.ts';
import type { VersionDraft } from '../../models/loading/load-steps.ts';
import { SHARING } from '../../models/serving/sharing-findings.ts';
import { replayerOf } from '../../proxy/records/prediction-log-replayer.ts';
import { recordBytes } from '../../proxy/records/recorded-file.ts';
import { VERSION } from '../../version.ts';
import { type AuditVersion, installAudit } from './audit/install-audit.ts';
import { DecisionStore } from './decision-store.ts';
import { type ProofLog, proofLog } from './proof-log.ts';
import { type ReadRecordedInputs, recordedInputs } from './recorded-requests.ts';
import { VersionBatching } from './version-batching.ts';

interface ProofParts {
  readonly clock: Clock;
  readonly log: ProofLog;
  readonly decisions: DecisionStore;
  readonly readRecorded: ReadRecordedInputs;
  readonly audit: AuditVersion;
}

export function installRowProofs(server: Installation): void {
  const { clock, config, logger, models, stateFiles: files } = server;
  const parts: ProofParts = {
    clock,
    log: proofLog(logger),
    decisions: new DecisionStore({ files, logger, serverVersion: VERSION }),
    readRecorded: recordedInputs(replayerOf(server), recordBytes(config.options.max_message_bytes)),
    audit: installAudit(server),
  };
  models.steps.push({ stage: 'axes', run: (draft) => prove(parts, draft) });
}

async function prove({ clock, log, decisions, readRecorded, audit }: ProofParts, draft: VersionDraft): Promise<void> {
  const { model, version, versionDirectory, batching, opened, facts, hashArtifact, onDecided } = draft;
  const { signatures, declared, paddings, slowRunMs, judge, readLengths } = draft;
  const kept = await decisions.open(model.name, `${opened.backend.kind} ${model.executionProvider}`, hashArtifact);
  const events = { onDecided, ...log(model.name, version) };
  const proofs = new VersionBatching({
    ...{ clock, signatures, declared, paddings, slowRunMs, judge, readLengths, executor: opened.host.executor },
    maxRows: batching.scheduler.maxBatchSize,
    kept,
    readRecorded: () => readRecorded(versionDirectory, signatures),
    events,
  });
  facts.set(SHARING, proofs);
  draft.onEnd.push(() => proofs.end());
  const audited = audit(draft, { proofs, kept, onDisproved: events.onDisproved });
  draft.onServed.push((load, replace) => proofs.serve(load, audited(replace)));
  draft.signatures = await proofs.decide();
  draft.firstRunMs = proofs.firstRunMs();
}
