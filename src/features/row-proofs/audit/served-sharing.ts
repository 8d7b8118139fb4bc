/** How the signatures of a version share runs, as far as audits change it: what they have refuted is off, and stays off. */
import type { Signature, Signatures } from '../../../core/signature.ts';
import type { ReplaceSignatures, VersionDraft } from '../../../models/loading/load-steps.ts';
import type { KeptOutcomes } from '../decision-store.ts';
import type { VersionBatching } from '../version-batching.ts';
import { AUDIT_FIX, reasonText } from './audit-findings.ts';
import type { Consequence } from './audit-log.ts';
import type { Fault, Suspect } from './judge-run.ts';

/** The proofs of the version, which know what is shown of it and kept. */
export interface AuditedProofs {
  readonly proofs: Pick<VersionBatching, 'disproofs' | 'refusePadding'>;
  readonly kept: Pick<KeptOutcomes, 'keep'>;
  readonly onDisproved: (signature: string, reason: string) => void;
}

/** One version. */
export class ServedSharing {
  readonly #draft: Pick<VersionDraft, 'signatures' | 'declared'>;
  readonly #of: AuditedProofs;
  readonly #served = new Map<string, Signature>();
  /** Signatures as audits have left them: what was taken off does not come back. */
  readonly #refuted = new Map<string, Signature>();
  #replace: ReplaceSignatures | undefined;

  constructor(draft: Pick<VersionDraft, 'signatures' | 'declared'>, of: AuditedProofs) {
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
      this.#of.proofs.refusePadding(name, signature, reason);
      this.#put(name, { ...signature, padding: undefined });
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

  #put(name: string, signature: Signature): void {
    this.#refuted.set(name, signature);
    this.#served.set(name, signature);
    void this.#replace?.(new Map([[name, signature]]));
  }
}
