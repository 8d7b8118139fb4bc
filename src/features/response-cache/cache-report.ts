/** The kept answers of a model in GET /models, under `cache`, and in `pillion status`. */
import type { ModelReport } from '../../admin/models-report.ts';
import type { ResponseCache } from './response-cache.ts';

/** The counts are sums over the model's versions. */
export interface CacheReport {
  readonly answers: number;
  readonly bytes: number;
  readonly evictions: number;
  /** How requests were served since the start. */
  readonly hits: number;
  readonly misses: number;
  readonly coalesced: number;
  readonly bypassed: number;
}

export function cacheReport({ size: answers, bytes, evictions, counts }: ResponseCache): CacheReport {
  const { hit: hits, miss: misses, coalesced, bypass: bypassed } = counts;
  return { answers, bytes, evictions, hits, misses, coalesced, bypassed };
}

/** Undefined if the model keeps no answers. */
export function cacheNote(model: ModelReport): string | undefined {
  const report = model['cache'] as CacheReport | undefined;
  if (report === undefined) return undefined;
  const { answers, bytes, hits, misses, coalesced } = report;
  return `its cache keeps ${answers} answers in ${bytes} bytes (${hits} hits, ${misses} misses, ${coalesced} coalesced)`;
}
