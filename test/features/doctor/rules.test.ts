import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { diagnose } from '../../../src/features/doctor/rules.ts';
import { STAGES, type Stage } from '../../../src/ledger/stage-clock.ts';
import { type Broken, factsWith } from './doctor-facts.ts';

interface Case {
  readonly id: string;
  readonly broken: Broken;
  /** Matches what, why and change, joined. */
  readonly says: RegExp;
}

const throttling = { periods: 100, throttledPeriods: 31, throttledMs: 4200 };
const one = { batches: 1000, rows: 1000 };
const stages = (times: Partial<Record<Stage, number>>): Record<Stage, number> =>
  Object.fromEntries(STAGES.map((stage) => [stage, times[stage] ?? 0])) as Record<Stage, number>;

const CASES: readonly Case[] = [
  { id: 'quota_throttled', broken: { health: { throttling } }, says: /31 % of its CPU periods, for 4\.2 s/ },
  {
    id: 'threads_over_quota',
    broken: { machine: { quotaCores: 2, budgetCores: 2 }, plan: { budget_cores: 2, slots: 8 } },
    says: /the CPU quota is 2 cores, but 8 threads run batches.*leave out --num_batch_threads/s,
  },
  {
    id: 'threads_over_quota',
    broken: { plan: { slots: 6, intra_op_threads: 2 } },
    says: /may use 4 cores, but 6 threads.*leave out --intra_op_threads/s,
  },
  { id: 'plan_outdated', broken: { plan: { budget_cores: 8 } }, says: /planned with 8 cores.*now it has 4/s },
  {
    id: 'quota_fraction',
    broken: { machine: { quotaCores: 2.5, budgetCores: 2 }, plan: { budget_cores: 2, slots: 1 } },
    says: /2\.5 cores, of which the server plans with 2.*2 or 3 whole cores/s,
  },
  {
    id: 'quota_below_one_core',
    broken: {
      machine: { quotaCores: 0.5, budgetCores: 1 },
      plan: { budget_cores: 1, slots: 1 },
      traffic: { cpuSeconds: 1 },
    },
    says: /quota is 0\.5 cores.*longer than 50 ms/s,
  },
  { id: 'cpu_saturated', broken: { traffic: { cpuSeconds: 39 } }, says: /3\.9 of 4 cores/ },
  { id: 'cpu_pressure', broken: { health: { cpuPressurePercent: 68 } }, says: /68 % of the last minute/ },
  { id: 'thermal_throttling', broken: { health: { thermalThrottles: 7 } }, says: /7 times/ },
  { id: 'no_avx2', broken: { machine: { simd: ['sse4_2'] } }, says: /no AVX2 \(it has sse4_2\)/ },
  {
    id: 'vectors_held_back',
    broken: { environment: { ONEDNN_MAX_CPU_ISA: 'AVX2' } },
    says: /AVX-512 is available, TensorFlow’s kernels use AVX2 at most.*ONEDNN_MAX_CPU_ISA=AVX2/s,
  },
  {
    id: 'cuda_unusable',
    broken: { cuda: { libraries: '/natives/lib', problems: ['no NVIDIA driver on this machine'] } },
    says: /libraries are installed, but.*no NVIDIA driver on this machine/s,
  },
  {
    id: 'cuda_driver_old',
    broken: { cuda: { libraries: '/natives/lib', problems: [], driver: '/l/libcuda.so.1', driverVersion: '550.54' } },
    says: /driver is 550\.54, and CUDA 13 wants 580 or later/,
  },
  {
    id: 'memory_tight',
    broken: { freeMemory: { freeBytes: 50 * 2 ** 20, limitBytes: 1000 * 2 ** 20, isCgroup: true } },
    says: /50 MiB are left of the memory limit of 1000 MiB \(5 %\)/,
  },
  {
    id: 'proxy_untrusted',
    broken: { traffic: { app: { requests: 20, unbelieved: 18 } } },
    says: /90 % of the application’s requests.*--trusted_proxies/s,
  },
  { id: 'oom_killed', broken: { health: { oomKills: 2 } }, says: /ended 2 processes/ },
  { id: 'swapped', broken: { health: { swappedBytes: 2 ** 20 } }, says: /1 MiB of the process are swapped out/ },
  { id: 'huge_pages_always', broken: { health: { hugePages: 'always' } }, says: /always.*echo madvise/s },
  { id: 'few_open_files', broken: { health: { openFilesLimit: 1024 } }, says: /1024 files/ },
  { id: 'collector_busy', broken: { traffic: { gcSeconds: 2 } }, says: /20 % of the time/ },
  {
    id: 'not_ready',
    broken: { ready: false, waitsFor: ['model "m": base path /m does not exist'] },
    says: /base path \/m does not exist/,
  },
  {
    id: 'version_failed',
    broken: {
      moreVersions: [{ version: '2', state: 'END', error: { kind: 'load_failed', message: 'no model there' } }],
    },
    says: /version 2 did not load; version 1 is served.*no model there/s,
  },
  {
    id: 'version_warned',
    broken: {
      moreVersions: [{ version: '2', state: 'AVAILABLE', warnings: ['zeros were refused; add a warm-up record'] }],
    },
    says: /version 2 is served with a warning.*zeros were refused\nadd a warm-up record/s,
  },
  {
    id: 'codec_heavy',
    broken: { model: { stageSeconds: stages({ decode: 4, encode: 2, execute: 4 }) } },
    says: /60 % of a request’s time/,
  },
  { id: 'loop_delayed', broken: { traffic: { loopDelayP99Seconds: 0.2 } }, says: /200 ms late.*one more core/s },
  {
    id: 'loop_delayed',
    broken: { traffic: { loopDelayP99Seconds: 0.2 }, version: { host: { kind: 'inline', reason: '' } } },
    says: /m runs on it.*--host=thread/s,
  },
  {
    id: 'batches_of_one',
    broken: { model: one, plan: { is_batching_enabled: false } },
    says: /never above 1 row \(1000 batches, 1000 rows\).*batching is off/s,
  },
  { id: 'batches_of_one', broken: { model: one, plan: { max_batch_size: 1 } }, says: /--max_batch_size is 1/ },
  {
    id: 'batches_of_one',
    broken: { model: one, version: { signatures: [{ name: 's', batch_axis: 'none' }] } },
    says: /no signature of the model has a batch axis.*dynamic_axes/s,
  },
  {
    id: 'batches_of_one',
    broken: {
      model: one,
      version: { signatures: [{ name: 's', batch_axis: 'none', reason: 'the softmax is over dim 0' }] },
    },
    says: /has a batch axis: the softmax is over dim 0/,
  },
  {
    id: 'not_batched',
    broken: {
      version: { signatures: [{ name: 's', batch_axis: 'none', reason: 'no rule for Frob', fix: 'declare it' }] },
    },
    says: /each request for signature s of version 1 runs alone.*no rule for Frob.*declare it/s,
  },
  {
    id: 'batch_axis_disproved',
    broken: { version: { signatures: [{ name: 's', batch_axis: 'dynamic', disproof: 'the softmax is over dim 0' }] } },
    says: /may depend on other requests.*pillion.yaml declares is wrong: the softmax is over dim 0/s,
  },
  {
    id: 'padding_refused',
    broken: {
      version: {
        signatures: [
          { name: 's', batch_axis: 'dynamic', padding: { is_on: false, up_to: 0, reason: 'its mask is ignored' } },
        ],
      },
    },
    says: /do not share runs of signature s of version 1.*is set, but its mask is ignored/s,
  },
  { id: 'batches_of_one', broken: { model: one }, says: /one at a time \(1 in flight/ },
  {
    id: 'batches_of_one',
    broken: { model: { ...one, requestSeconds: 20, stageSeconds: stages({ execute: 19 }) } },
    says: /a slot is free for every request \(2 in flight/,
  },
  {
    id: 'batches_of_one',
    broken: { model: { ...one, requestSeconds: 40, stageSeconds: stages({ queue: 19, execute: 19 }) } },
    says: /do not fit together/,
  },
  {
    id: 'batches_of_one',
    broken: {
      model: { ...one, requestSeconds: 40, stageSeconds: stages({ queue: 19, execute: 19 }) },
      version: {
        signatures: [
          { name: 's', batch_axis: 'dynamic', padding: { is_on: true, up_to: 33, reason: 'up to length 33, so far' } },
        ],
      },
    },
    says: /longer than 33.*padding is proved up to length 33, so far.*max_padded_length/s,
  },
  {
    id: 'timeout_wasted',
    broken: { model: { reasons: { timeout: 250 }, rows: 300 }, plan: { batch_timeout_micros: 5000 } },
    says: /100 % of the batches waited the full 5 ms for other requests, and held 1\.2 rows/,
  },
  { id: 'padding_wasted', broken: { model: { paddingRows: 1000 } }, says: /50 % of the rows.*near 4 rows/s },
  {
    id: 'requests_refused',
    broken: { model: { refusals: { predicted_late: 100 } } },
    says: /10 % of the requests were refused \(predicted_late\)/,
  },
  {
    id: 'queue_long',
    broken: { model: { stageSeconds: stages({ queue: 8, execute: 2 }) } },
    says: /in the queue for 80 % of their time/,
  },
  {
    id: 'requests_failed',
    broken: { model: { outcomes: { ok: 900, backend_failed: 100 } } },
    says: /10 % of the requests ended as backend_failed/,
  },
];

describe('the doctor’s rules', () => {
  it('find nothing where nothing is wrong', () => {
    assert.deepEqual(diagnose(factsWith()), []);
    assert.deepEqual(diagnose({ ...factsWith(), server: undefined }), []);
  });

  for (const { id, broken, says } of CASES) {
    it(`${id}: ${says.source}`, () => {
      const findings = diagnose(factsWith(broken));
      assert.deepEqual(
        findings.map((finding) => finding.id),
        [id],
      );
      const { what, why, change } = findings[0]!;
      assert.match([what, why, change].join('\n'), says);
    });
  }

  it('are quiet where a number is small or nothing is known', () => {
    const quiet: readonly Broken[] = [
      { health: { throttling: { periods: 1000, throttledPeriods: 20, throttledMs: 9 } } },
      { health: { throttling: { periods: 0, throttledPeriods: 0, throttledMs: 0 } } },
      { health: { cpuPressurePercent: undefined, hugePages: undefined, swappedBytes: undefined } },
      { machine: { simd: [] } },
      { machine: { simd: ['neon'], arch: 'arm64' } },
      { environment: { ONEDNN_MAX_CPU_ISA: 'AVX512_CORE' } },
      { machine: { simd: ['avx2'] }, environment: { DNNL_MAX_CPU_ISA: 'AVX2' } },
      { machine: { quotaCores: 4 } },
      { cuda: { libraries: '/natives/lib', problems: [], driverVersion: '580.65.06', devices: 2 } },
      { model: { ...one, batches: 50, rows: 50 } },
      { model: { ...one, requestSeconds: 2, stageSeconds: stages({ execute: 2 }) } },
      { model: { requests: 50, refusals: { queue_full: 50 } } },
      { model: { requests: 0, requestSeconds: 0, batches: 0, rows: 0, stageSeconds: stages({}) } },
      { traffic: { seconds: 0, cpuSeconds: 0, isSinceStart: true } },
    ];
    for (const broken of quiet) assert.deepEqual(diagnose(factsWith(broken)), [], JSON.stringify(broken));
  });

  it('are all in src/features/doctor/README.md, and nothing else is', () => {
    const documented = [...readFileSync('src/features/doctor/README.md', 'utf8').matchAll(/^\| `(\w+)` \|/gm)].map(
      ([, id]) => id,
    );
    assert.deepEqual([...documented].sort(), [...new Set(CASES.map(({ id }) => id))].sort());
  });
});
