/** Every rule, in the order of the report: first those whose problem hides others. */
import type { DoctorFacts, Finding, Rule } from './rule.ts';
import { batchesOfOne, paddingWasted, timeoutWasted } from './rules-batching.ts';
import {
  cpuPressure,
  cpuSaturated,
  noAvx2,
  planOutdated,
  quotaBelowOneCore,
  quotaFraction,
  quotaThrottled,
  thermalThrottling,
  threadsOverQuota,
  vectorsHeldBack,
} from './rules-cpu.ts';
import { cudaDriverOld, cudaUnusable } from './rules-cuda.ts';
import { proxyUntrusted } from './rules-fronting.ts';
import { collectorBusy, fewOpenFiles, hugePagesAlways, memoryTight, oomKilled, swapped } from './rules-memory.ts';
import { adviceOn, codecHeavy, loopDelayed, notReady } from './rules-model.ts';
import { queueLong, requestsFailed, requestsRefused } from './rules-overload.ts';

const RULES: readonly Rule[] = [
  notReady,
  adviceOn('version_failed'),
  adviceOn('version_warned'),
  adviceOn('batch_axis_disproved'),
  oomKilled,
  memoryTight,
  quotaThrottled,
  threadsOverQuota,
  planOutdated,
  quotaBelowOneCore,
  quotaFraction,
  cpuSaturated,
  cpuPressure,
  requestsFailed,
  requestsRefused,
  queueLong,
  proxyUntrusted,
  adviceOn('not_batched'),
  batchesOfOne,
  adviceOn('padding_refused'),
  timeoutWasted,
  paddingWasted,
  codecHeavy,
  loopDelayed,
  collectorBusy,
  swapped,
  hugePagesAlways,
  fewOpenFiles,
  thermalThrottling,
  noAvx2,
  vectorsHeldBack,
  cudaUnusable,
  cudaDriverOld,
];

export function diagnose(facts: DoctorFacts): readonly Finding[] {
  return RULES.flatMap((rule) => rule(facts));
}
