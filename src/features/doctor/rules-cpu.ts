/** Rules about cores, quotas, threads and vector instructions. */
import { showNumber, showShare } from '../../ledger/quantities.ts';
import type { DoctorFacts, Finding, Rule } from './rule.ts';

/** Share of the periods. Below it, an occasional burst met the quota, as it should. */
const THROTTLED_SHARE = 0.05;
const BUSY_SHARE = 0.9;
const PRESSURE_PERCENT = 20;
/** The least number of unused cores that is worth a change of a manifest. */
const WASTED_CORES = 0.25;

/** Cores that the process can use at once. */
function allowedCores({ machine }: DoctorFacts): number {
  return Math.min(machine.cores, machine.quotaCores ?? machine.cores);
}

function bound({ machine }: DoctorFacts): string {
  const { quotaCores, cores } = machine;
  const isQuota = quotaCores !== undefined && quotaCores < cores;
  return isQuota ? `the CPU quota is ${showNumber(quotaCores)} cores` : `the process may use ${cores} cores`;
}

export const quotaThrottled: Rule = ({ health }) => {
  const { throttling } = health;
  if (throttling === undefined) return [];
  const { periods, throttledPeriods, throttledMs } = throttling;
  const share = throttledPeriods / periods;
  if (!(share > THROTTLED_SHARE)) return [];
  return {
    id: 'quota_throttled',
    what: `the kernel stopped the process in ${showShare(share)} of its CPU periods, for ${showNumber(throttledMs / 1000)} s in all`,
    why: 'its threads used up the CPU quota before the period ended; every request then waits for the next one, up to 100 ms',
    change: 'raise the CPU limit or remove it and keep the request, or lower --num_batch_threads',
  };
};

export const threadsOverQuota: Rule = (facts) => {
  const plan = facts.server?.report.plan;
  if (plan === undefined) return [];
  const threads = plan.slots;
  const cores = allowedCores(facts);
  if (threads <= Math.max(1, Math.ceil(cores))) return [];
  const isIntra = plan.intra_op_threads > 1;
  return {
    id: 'threads_over_quota',
    what: `${bound(facts)}, but ${threads} threads run batches`,
    why: 'threads beyond the cores take turns: each run takes longer, and the event loop waits among them',
    change: isIntra
      ? 'leave out --intra_op_threads and --num_batch_threads: their defaults follow the cores'
      : 'leave out --num_batch_threads: its default follows the cores',
  };
};

export const planOutdated: Rule = ({ machine, server }) => {
  const planned = server?.report.plan.budget_cores;
  if (planned === undefined || planned === machine.budgetCores) return [];
  return {
    id: 'plan_outdated',
    what: `the server planned with ${planned} cores when it started; now it has ${machine.budgetCores}`,
    why: 'its quota or affinity changed while it ran; slots and threads are set at the start',
    change: 'restart the server',
  };
};

export const quotaFraction: Rule = ({ machine }) => {
  const { quotaCores, cores, budgetCores } = machine;
  if (quotaCores === undefined || quotaCores >= cores || quotaCores < 1) return [];
  const wasted = quotaCores - budgetCores;
  if (wasted < WASTED_CORES) return [];
  return {
    id: 'quota_fraction',
    what: `the CPU quota is ${showNumber(quotaCores)} cores, of which the server plans with ${budgetCores}`,
    why: 'a part of a core cannot run a thread of its own without being throttled',
    change: `set the CPU limit to ${budgetCores} or ${budgetCores + 1} whole cores`,
  };
};

export const quotaBelowOneCore: Rule = ({ machine: { quotaCores } }) => {
  if (quotaCores === undefined || quotaCores >= 1) return [];
  return {
    id: 'quota_below_one_core',
    what: `the CPU quota is ${showNumber(quotaCores)} cores`,
    why: `any run longer than ${showNumber(quotaCores * 100)} ms of CPU is stopped until the next period of 100 ms`,
    change: 'set the CPU limit to 1 core or more, or remove it',
  };
};

export const cpuSaturated: Rule = (facts) => {
  const traffic = facts.server?.traffic;
  if (traffic === undefined || traffic.isSinceStart || traffic.seconds <= 0) return [];
  const used = traffic.cpuSeconds / traffic.seconds;
  const cores = allowedCores(facts);
  if (used < BUSY_SHARE * cores) return [];
  return {
    id: 'cpu_saturated',
    what: `the server uses ${showNumber(used)} of ${showNumber(cores)} cores`,
    why: 'there is more work than cores: queues grow, and the scheduler refuses what would be late',
    change: 'give it more cores, add replicas, or serve a smaller model',
  };
};

export const cpuPressure: Rule = ({ health: { cpuPressurePercent: percent } }) => {
  if (percent === undefined || percent < PRESSURE_PERCENT) return [];
  return {
    id: 'cpu_pressure',
    what: `in ${showNumber(percent)} % of the last minute something on this machine waited for a core`,
    why: 'the machine has less CPU than its processes want; run times depend on the other processes',
    change:
      'move other processes to another machine, or give this one its own cores (whole CPUs with the static CPU manager)',
  };
};

export const thermalThrottling: Rule = ({ health: { thermalThrottles } }) => {
  if (thermalThrottles === undefined || thermalThrottles === 0) return [];
  return {
    id: 'thermal_throttling',
    what: `the CPU was slowed down ${thermalThrottles} times since the machine started because it was hot`,
    why: 'run times that were learned on a cool CPU are too short on a hot one',
    change: 'improve the machine’s cooling, or measure again under lasting load',
  };
};

export const noAvx2: Rule = ({ machine: { arch, simd } }) => {
  if (arch !== 'x64' || simd.length === 0 || simd.includes('avx2')) return [];
  return {
    id: 'no_avx2',
    what: `the CPU shows no AVX2 (it has ${simd.join(' ')})`,
    why: 'runtimes fall back to kernels of half or a quarter of the width; the usual reason is a virtual machine with an emulated or old CPU type',
    change: 'give the virtual machine the host’s CPU type (host-passthrough), or use another machine',
  };
};

/** Variables that limit the instructions of oneDNN, which TensorFlow uses. */
const ISA_VARIABLES = ['ONEDNN_MAX_CPU_ISA', 'DNNL_MAX_CPU_ISA'] as const;

export const vectorsHeldBack: Rule = ({ machine, environment }) => {
  const best = machine.simd.includes('avx512f') ? 'AVX-512' : 'AVX2';
  const findings: Finding[] = [];
  for (const name of ISA_VARIABLES) {
    const value = environment[name]?.toUpperCase();
    if (value === undefined || value === 'ALL' || value === 'DEFAULT' || value.includes('AVX512')) continue;
    if (best === 'AVX2' && value.includes('AVX2')) continue;
    findings.push({
      id: 'vectors_held_back',
      what: `${best} is available, TensorFlow’s kernels use ${value} at most`,
      why: `${name}=${environment[name]} is set`,
      change: `remove ${name} from the server’s environment`,
    });
  }
  return findings;
};
