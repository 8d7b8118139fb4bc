/** Every rule, in the order of the report: first those whose problem hides others. */
import type { DoctorFacts, Finding, Rule } from './rule.ts';
import {
  batchAxisDisproved,
  batchesOfOne,
  notBatched,
  paddingRefused,
  paddingWasted,
  timeoutWasted,
} from './rules-batching.ts';
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
import { collectorBusy, fewOpenFiles, hugePagesAlways, memoryTight, oomKilled, swapped } from './rules-memory.ts';
import { codecHeavy, loopDelayed, notReady, versionFailed, versionWarned } from './rules-model.ts';
import { queueLong, requestsFailed, requestsRefused } from './rules-overload.ts';

const RULES: readonly Rule[] = [
  notReady,
  versionFailed,
  versionWarned,
  batchAxisDisproved,
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
  notBatched,
  batchesOfOne,
  paddingRefused,
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
