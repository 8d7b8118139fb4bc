/** Audits shared runs of the versions that this server runs itself, and ends sharing where answers differed. */
import { factKey } from '../../../core/collections/facts.ts';
import type { Installation } from '../../../kernel/installation.ts';
import type { ReplaceSignatures, VersionDraft } from '../../../models/loading/load-steps.ts';
import { AuditBudget } from './audit-budget.ts';
import { auditLog } from './audit-log.ts';
import { AuditMetrics } from './audit-metrics.ts';
import { type AuditedProofs, ServedSharing } from './served-sharing.ts';
import { VersionAudit } from './version-audit.ts';

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
