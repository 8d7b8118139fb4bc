/** Batch axes whose proof may still run when a server is ready. */
import type { ModelsReport } from '../../src/admin/models-report.ts';
import type { Sidecar } from './sidecar.ts';

/**
 * Resolves when no proof of a batch axis runs any more, and what was proved is in place. A start waits only so long for
 * it.
 */
export async function untilProved({ admin }: Sidecar): Promise<void> {
  for (;;) {
    const { models } = (await (await fetch(`${admin}/models`)).json()) as ModelsReport;
    const signatures = models.flatMap(({ versions }) => versions.flatMap(({ signatures = [] }) => signatures));
    const isPending = signatures.some(
      ({ batch_axis, reason = '' }) =>
        batch_axis === 'none' && /^(the proof still runs$|proved |seen in )/.test(reason),
    );
    if (!isPending) return;
  }
}
