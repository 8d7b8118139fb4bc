/**
 * Requests that name a sequence although their model keeps no state. Triton answers them as any other, and so does
 * `pillion tritonserver`: with one line in the log for each model, and a counter.
 */
import type { ModelSpec } from '../../core/model-spec.ts';
import { DEFAULT_SIGNATURE_NAME } from '../../core/signature.ts';
import type { Gauges } from '../../ledger/metrics/gauges.ts';
import type { ModelResolver } from '../../proxy/handlers/model-resolver.ts';
import type { InferSettings } from './request-parameters.ts';

export class StraySequences {
  /** Requests by model. */
  readonly #counts = new Map<string, number>();
  readonly #onFirst: (model: string) => void;

  /** `onFirst`: called with the first such request of each model. */
  constructor(gauges: Gauges, onFirst: (model: string) => void) {
    this.#onFirst = onFirst;
    const help = 'Requests whose sequence parameters were ignored, because their model keeps no state.';
    gauges.observeCounts('pillion_ignored_sequence_requests_total', help, () =>
      Array.from(this.#counts, ([model, value]) => ({ labels: { model }, value })),
    );
  }

  /** Settings that have a sequence, without it where the model keeps no state. */
  without(settings: InferSettings, spec: ModelSpec, { models }: ModelResolver): InferSettings {
    const servable = models.find?.(spec.name, spec);
    const served = servable?.served.get(spec.signatureName ?? DEFAULT_SIGNATURE_NAME);
    if (served === undefined || served.signature.kept !== undefined) return settings;
    const count = this.#counts.get(served.name) ?? 0;
    this.#counts.set(served.name, count + 1);
    if (count === 0) this.#onFirst(served.name);
    return { ...settings, sequence: undefined };
  }
}
