/**
 * The only place where the simulator meets the scheduler: how a contestant's flags become a Scheduler's options. The names
 * are those of bench/overload/contestants.ts, so that a simulated table stands beside a measured one.
 */
import type { Clock } from '../../src/core/clock.ts';
import type { Executor } from '../../src/core/executor.ts';
import type { Signature, TensorSpec } from '../../src/core/signature.ts';
import type { CoreSlots } from '../../src/scheduler/cores/core-slots.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import type { SchedulerOptions } from '../../src/scheduler/scheduler-options.ts';
import type { Telemetry } from '../../src/telemetry/request-record.ts';

export interface Policy {
  readonly name: string;
  /** What differs from the server's defaults. */
  readonly options: Partial<SchedulerOptions>;
}

const GREEDY = { kind: 'greedy' } as const;

export const POLICIES: readonly Policy[] = [
  { name: 'pillion', options: {} },
  { name: 'greedy', options: { ...GREEDY, maxEnqueuedBatches: 100 } },
  { name: 'no-batching', options: { ...GREEDY, maxBatchSize: 1 } },
  { name: 'queue-10', options: { ...GREEDY, maxEnqueuedBatches: 10 } },
  { name: 'queue-2', options: { ...GREEDY, maxEnqueuedBatches: 2 } },
  { name: 'queue-1', options: { ...GREEDY, maxEnqueuedBatches: 1 } },
  { name: 'queue-3', options: { ...GREEDY, maxEnqueuedBatches: 3 } },
  { name: 'queue-4', options: { ...GREEDY, maxEnqueuedBatches: 4 } },
  { name: 'queue-timeout', options: { ...GREEDY, maxEnqueuedBatches: 1_000_000 } },
  { name: 'edf', options: { kind: 'edf', maxEnqueuedBatches: 1_000_000 } },
];

/** As `pillion serve` has them. */
const SERVER_DEFAULTS = { batchTimeoutMicros: 0, maxEnqueuedBatches: 100, allowedBatchSizes: [] } as const;

const spec: TensorSpec = { dtype: 'float32', shape: [-1, 1], tensorName: 'x' };
export const SIGNATURE_NAME = 'serving_default';
export const OUTPUTS: readonly string[] = ['y'];
const SIGNATURE: Signature = {
  inputs: new Map([['x', spec]]),
  outputs: new Map([['y', { ...spec, tensorName: 'y' }]]),
  methodName: 'tensorflow/serving/predict',
  batchAxis: { kind: 'dynamic' },
};

export interface SchedulerSeat {
  readonly executor: Executor;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly model: string;
  readonly maxBatchSize: number;
  /** That all models share. */
  readonly slots: CoreSlots;
  readonly defer: (run: () => void) => void;
}

/** The scheduler of one model. */
export function schedulerFor(policy: Policy, { maxBatchSize, ...seat }: SchedulerSeat): Scheduler {
  return new Scheduler({
    ...seat,
    version: '1',
    options: { ...SERVER_DEFAULTS, maxBatchSize, ...policy.options },
    signatures: new Map([[SIGNATURE_NAME, SIGNATURE]]),
  });
}
