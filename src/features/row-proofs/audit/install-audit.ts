/** Audits shared runs of the versions that this server runs itself, and ends sharing where answers differed. */
import { factKey } from '../../../core/collections/facts.ts';
import type { Signature, Signatures } from '../../../core/signature.ts';
import type { Installation } from '../../../kernel/installation.ts';
import type { ReplaceSignatures, VersionDraft } from '../../../models/loading/load-steps.ts';
import type { KeptOutcomes } from '../decision-store.ts';
import { paddingText } from '../padding-candidate.ts';
import type { VersionBatching } from '../version-batching.ts';
import { AuditBudget } from './audit-budget.ts';
import { AUDIT_FIX, reasonText } from './audit-findings.ts';
import { auditLog, type Consequence } from './audit-log.ts';
import { AuditMetrics } from './audit-metrics.ts';
import type { Fault, Suspect } from './judge-run.ts';
import { VersionAudit } from './version-audit.ts';

/** The proofs of the version, which know what is shown of it and kept. */
export interface AuditedProofs {
  readonly proofs: Pick<VersionBatching, 'disproofs' | 'refusePadding'>;
  readonly kept: Pick<KeptOutcomes, 'keep' | 'keepPadding'>;
  readonly onDisproved: (signature: string, reason: string) => void;
}

/** Begins the audits of a version whose batch axes are decided. Returns what the version's proofs replace signatures by. */
export type AuditVersion = (
  draft: VersionDraft,
  of: AuditedProofs,
) => (replace: ReplaceSignatures) => ReplaceSignatures;

const AUDIT = factKey<VersionAudit>('shared-run-audit');
const AS_IT_IS = (replace: ReplaceSignatures): ReplaceSignatures => replace;

export function installAudit({ clock, logger, models, telemetry, onInternalError }: Installation): AuditVersion {
  const budget = new AuditBudget(clock);
  const metrics = new AuditMetrics(telemetry.metrics.registry);
  const isServerBusy = (): boolean => [...models.servables()].some(({ runner }) => runner.queuedTasks > 0);
  models.layers.batches.push(({ facts, executor }) => {
    const audit = facts.get(AUDIT);
    if (audit === undefined) return undefined;
    return { executor: audit.around(executor), start: () => undefined, close: async () => undefined };
  });
  return (draft, of) => {
    const { model, version, opened, facts } = draft;
    const { executor } = opened.host;
    if (executor.isElsewhere === true || !mayShare(draft)) return AS_IT_IS;
    const log = auditLog(logger, model.name, version.toString());
    const sharing = new ServedSharing(draft, of);
    const audit = new VersionAudit({
      ...{ clock, executor, budget, isServerBusy, random: Math.random },
      events: {
        ...{ ...log, onInternalError },
        onResult: (result) => metrics.add(model.name, version.toString(), result),
        refute: (signature, fault, suspect) => {
          const consequence = sharing.refute(signature, fault, suspect);
          log.onDifferent(signature, suspect, fault, consequence);
          return consequence === 'unpadded';
        },
      },
    });
    facts.set(AUDIT, audit);
    draft.onEnd.push(() => audit.end());
    draft.onServed.push((load, replace) => {
      sharing.serve((changed) => {
        audit.update(changed);
        return replace(changed);
      });
      audit.serve(load, draft.signatures);
    });
    return (replace) => (changed) => {
      const allowed = sharing.allowed(changed);
      audit.update(allowed);
      return replace(allowed);
    };
  };
}

/** Some signature shares runs, or may do so when it is proved. */
function mayShare({ signatures }: VersionDraft): boolean {
  return [...signatures.values()].some(({ batchAxis }) => batchAxis.kind !== 'none');
}

/** How the signatures of a version share runs, as far as audits change it. */
class ServedSharing {
  readonly #draft: VersionDraft;
  readonly #of: AuditedProofs;
  readonly #served = new Map<string, Signature>();
  /** What was taken off; it does not come back. */
  readonly #refuted = new Map<string, Signature>();
  #replace: ReplaceSignatures | undefined;

  constructor(draft: VersionDraft, of: AuditedProofs) {
    this.#draft = draft;
    this.#of = of;
  }

  serve(replace: ReplaceSignatures): void {
    this.#replace = replace;
    for (const [name, signature] of this.#draft.signatures) this.#served.set(name, signature);
  }

  /** Proofs may have gone on meanwhile: without what audits have refuted. */
  allowed(changed: Signatures): Signatures {
    const allowed = new Map([...changed].filter(([name]) => !this.#refuted.has(name)));
    for (const [name, signature] of allowed) this.#served.set(name, signature);
    return allowed;
  }

  /** Ends what is at fault, at once. */
  refute(name: string, fault: Fault, suspect: Suspect): Consequence {
    const signature = this.#served.get(name)!;
    const isDeclared = this.#draft.declared.has(name);
    const reason = reasonText(suspect);
    const isPadded = signature.padding !== undefined;
    if (isPadded && (fault === 'padding' || (fault === 'either' && isDeclared))) {
      this.#takePaddingOff(name, signature, reason, suspect);
      return 'unpadded';
    }
    if (isDeclared) {
      this.#of.proofs.disproofs.set(name, reason);
      this.#of.onDisproved(name, reason);
      return 'obeyed';
    }
    this.#put(name, { ...signature, batchAxis: { kind: 'none', reason, fix: AUDIT_FIX }, padding: undefined });
    void this.#of.kept.keep(name, { kind: 'mixed', reason, fix: AUDIT_FIX });
    return 'apart';
  }

  #takePaddingOff(name: string, signature: Signature, reason: string, { size }: Suspect): void {
    this.#of.proofs.refusePadding(name, reason);
    const proof = { kind: 'rejected', reason, runs: size } as const;
    void this.#of.kept.keepPadding(name, paddingText(signature.padding!, signature), proof);
    this.#put(name, { ...signature, padding: undefined });
  }

  #put(name: string, signature: Signature): void {
    this.#refuted.set(name, signature);
    this.#served.set(name, signature);
    void this.#replace?.(new Map([[name, signature]]));
  }
}
