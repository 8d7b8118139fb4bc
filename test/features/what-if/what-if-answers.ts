/** What a sidecar's admin server tells `pillion what-if`, made up: one model, Poisson arrivals, a run of 8 + 0.2 a row. */
import type { ModelDetail } from '../../../src/admin/model-detail.ts';
import type { ModelsReport } from '../../../src/admin/models-report.ts';
import { SeededRandom } from '../../../src/core/repeatable/seeded-random.ts';
import type { ArrivalsReport } from '../../../src/features/what-if/arrivals.ts';

const SIZES = [1, 2, 4, 8, 16, 32];
export const runMs = (rows: number): number => 8 + 0.2 * rows;

export const MODELS: ModelsReport = {
  ready: true,
  plan: {
    ...{ pid: 1, budget_cores: 2, slots: 1, intra_op_threads: 1 },
    ...{ is_batching_enabled: true, max_batch_size: 32, batch_timeout_micros: 0 },
  },
  waits_for: [],
  models: [
    {
      name: 'digits',
      versions: [
        {
          version: '3',
          state: 'AVAILABLE',
          runtime: { kind: 'onnx' },
          host: {
            ...{ kind: 'thread', reason: 'default' },
            sessions: [
              { threads: 1, sessions: 1 },
              { threads: 2, sessions: 1 },
            ],
          },
          signatures: [{ name: 'serving_default', batch_axis: 'dynamic' }],
          memory: { artifact_bytes: 1, sessions: 2 },
          sweep: SIZES.map((rows) => ({ signature: 'serving_default', rows, run_ms: runMs(rows) })),
        },
      ],
    },
  ],
};

export const DETAIL: ModelDetail = {
  ...MODELS.models[0]!,
  config: { base_path: '/m', version_policy: 'the latest version', labels: {}, execution_provider: 'cpu' },
  on_disk: [],
  loaded: [
    {
      version: '3',
      signatures: [],
      latency: [
        {
          signature: 'serving_default',
          sizes: SIZES.map((rows) => ({ rows, mean_ms: runMs(rows), high_ms: 1.06 * runMs(rows), runs: 9 })),
        },
      ],
    },
  ],
};

/** `perMs` requests of one row come in a ms, for 2 s, with so much time. All are said to be answered after 20 ms. */
export function arrivals(
  perMs: number,
  deadlineMs: number | null,
  changes: Partial<ArrivalsReport> = {},
): ArrivalsReport {
  const random = new SeededRandom(7);
  const span_ms = 2000;
  const at_ms: number[] = [];
  for (let at = random.exponential(1 / perMs); at < span_ms; at += random.exponential(1 / perMs)) at_ms.push(at);
  const all = <T>(value: T): T[] => at_ms.map(() => value);
  return {
    now: '2026-01-01T00:00:00.000Z',
    ...{ span_ms, dropped: 0, models: [{ model: 'digits', version: '3', signature: 'serving_default' }] },
    ...{ at_ms, model: all(0), rows: all(1), deadline_ms: all(deadlineMs), outcome: all('answered'), took_ms: all(20) },
    ...changes,
  };
}
