/** A machine, a server and a model with nothing wrong, for tests to break one thing of. */
import type { ProcessPlan, VersionReport } from '../../../src/admin/models-report.ts';
import type { CudaState } from '../../../src/backends/onnx/cuda-machine.ts';
import type { Machine } from '../../../src/config/machine/machine.ts';
import type { MachineHealth } from '../../../src/config/machine/machine-health.ts';
import type { DoctorFacts } from '../../../src/features/doctor/rule.ts';
import type { ModelTraffic, Traffic } from '../../../src/features/doctor/traffic.ts';

const MACHINE: Machine = {
  cores: 4,
  quotaCores: undefined,
  isAloneInGroup: false,
  budgetCores: 4,
  memoryLimitBytes: undefined,
  totalMemoryBytes: 8 * 2 ** 30,
  simd: ['avx', 'avx2', 'avx512f'],
  cpuModel: 'a CPU',
  nodeVersion: 'v20.19.0',
  arch: 'x64',
};

const HEALTH: MachineHealth = {
  throttling: undefined,
  cpuPressurePercent: 0,
  hugePages: 'madvise',
  oomKills: 0,
  swappedBytes: 0,
  openFilesLimit: 65_536,
  thermalThrottles: 0,
};

const PLAN: ProcessPlan = {
  pid: 1,
  budget_cores: 4,
  slots: 3,
  intra_op_threads: 1,
  is_batching_enabled: true,
  max_batch_size: 64,
  batch_timeout_micros: 0,
};

const VERSION: VersionReport = {
  version: '1',
  state: 'AVAILABLE',
  host: { kind: 'thread', reason: 'as configured' },
  signatures: [{ name: 'serving_default', batch_axis: 'dynamic' }],
};

/** 1,000 requests of one row in batches of 4, 10 ms each, for 10 s. */
const MODEL: ModelTraffic = {
  model: 'm',
  version: '1',
  requests: 1000,
  requestSeconds: 10,
  outcomes: { ok: 1000 },
  stageSeconds: { receive: 0.1, decode: 0.5, admit: 0.1, queue: 3, batch: 0.3, execute: 5, split: 0.5, encode: 0.5 },
  batches: 250,
  rows: 1000,
  paddingRows: 0,
  reasons: { slot_free: 250 },
  refusals: {},
};

const TRAFFIC: Omit<Traffic, 'models'> = {
  seconds: 10,
  isSinceStart: false,
  cpuSeconds: 5,
  gcSeconds: 0.1,
  loopDelayP99Seconds: 0.02,
  unservedRequests: 0,
  app: { requests: 0, unbelieved: 0 },
};

/** A machine without CUDA, as most are. */
const CUDA: CudaState = {
  libraries: undefined,
  driver: undefined,
  driverVersion: undefined,
  devices: undefined,
  problems: ['no NVIDIA driver on this machine'],
};

export interface Broken {
  readonly cuda?: Partial<CudaState>;
  readonly machine?: Partial<Machine>;
  readonly health?: Partial<MachineHealth>;
  readonly freeMemory?: DoctorFacts['freeMemory'];
  readonly environment?: DoctorFacts['environment'];
  readonly plan?: Partial<ProcessPlan>;
  readonly version?: Partial<VersionReport>;
  readonly moreVersions?: readonly VersionReport[];
  readonly model?: Partial<ModelTraffic>;
  readonly traffic?: Partial<Traffic>;
  readonly ready?: boolean;
  readonly waitsFor?: readonly string[];
}

export function factsWith(broken: Broken = {}): DoctorFacts {
  const { ready = true, waitsFor = [], moreVersions = [] } = broken;
  const versions = [...moreVersions, { ...VERSION, ...broken.version }];
  return {
    machine: { ...MACHINE, ...broken.machine },
    health: { ...HEALTH, ...broken.health },
    freeMemory: broken.freeMemory ?? { freeBytes: 4 * 2 ** 30, limitBytes: 8 * 2 ** 30, isCgroup: true },
    cuda: { ...CUDA, ...broken.cuda },
    environment: broken.environment ?? {},
    server: {
      report: { ready, plan: { ...PLAN, ...broken.plan }, waits_for: waitsFor, models: [{ name: 'm', versions }] },
      traffic: { ...TRAFFIC, models: [{ ...MODEL, ...broken.model }], ...broken.traffic },
    },
  };
}
