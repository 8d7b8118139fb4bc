/** The sequences of a puppet model that counts: y and the next state are the state + x. */
import assert from 'node:assert/strict';
import { CancelSignal } from '../../../src/core/cancel.ts';
import { ServingError } from '../../../src/core/errors.ts';
import type { Signature } from '../../../src/core/signature.ts';
import { elements, type NumericTensor, numericTensor, type TensorMap } from '../../../src/core/tensor.ts';
import { SequenceRunner } from '../../../src/features/sequences/sequence-runner.ts';
import { SequenceTable } from '../../../src/features/sequences/sequence-table.ts';
import type { States } from '../../../src/features/sequences/state.ts';
import type { KeptMemory } from '../../../src/models/memory/kept-memory.ts';
import { Servable } from '../../../src/models/serving/servable.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Behaviour, PuppetRunner, signature, spec } from '../../support/puppet-models.ts';
import { taskContext } from '../../support/scheduler-harness.ts';

const LIMITS = { most: 3, mostPerCaller: 2, mostBytes: 64, mostBytesPerCaller: 40, idleMs: 1000 };

const COUNTER: Signature = signature(
  { x: spec('float32', [-1]), state: spec('float32', [-1]) },
  { y: spec('float32', [-1]), stateN: spec('float32', [-1]) },
);
const STATES: States = new Map([
  ['serving_default', { tensors: new Map([['state', { output: 'stateN', zeros: [-1] }]]) }],
]);

export const vector = (...values: number[]): NumericTensor =>
  numericTensor('float32', [values.length], Float32Array.from(values));
export const numbers = (tensors: TensorMap, name: string): number[] => [
  ...(elements(tensors.get(name) as NumericTensor) as Float32Array),
];

/** y and the next state: the state + x. */
const count: Behaviour = ({ inputs, outputs }) => {
  const [x, state] = [numbers(inputs, 'x'), numbers(inputs, 'state')];
  const sum = vector(...x.map((each, i) => each + state[i]!));
  return new Map(outputs.map((name) => [name, sum]));
};

export class SequenceBench {
  readonly clock = new FakeClock();
  limits = LIMITS;
  readonly table: SequenceTable;
  readonly inner: PuppetRunner;
  servable: Servable;

  constructor(behave: Behaviour = count, kept?: KeptMemory) {
    this.table = new SequenceTable({ model: 'm', clock: this.clock, limits: () => this.limits, kept });
    this.inner = new PuppetRunner(behave);
    this.servable = this.serve(1n);
  }

  /** Another version is served from now on. */
  serve(version: bigint): Servable {
    const signatures = new Map([['serving_default', COUNTER]]);
    this.servable = new Servable('m', version, signatures, new SequenceRunner(this.inner, signatures, STATES));
    return this.servable;
  }

  step(id: string, flags: string, x: number | readonly number[], more: Partial<StepOptions> = {}): Promise<number[]> {
    const { owner = 'ann', cancel = new CancelSignal(), inputs = {}, outputs = ['y'], version } = more;
    const step = { owner, step: { id, start: flags.includes('start'), end: flags.includes('end') } };
    const context = { ...taskContext(this.clock), cancel };
    try {
      const handle = this.table.acquire(step, { version }, () => this.servable.borrow());
      const sequence = this.table.stepOf(step, handle.servable);
      const all = new Map(Object.entries({ x: vector(...[x].flat()), ...inputs }));
      const request = { signatureName: 'serving_default', inputs: all, outputs, context, sequence };
      try {
        return handle.servable.runner.submit(request).then((given) => {
          assert.deepEqual([...given.keys()], outputs);
          return numbers(given, outputs[0]!);
        });
      } finally {
        handle.release();
      }
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

interface StepOptions {
  readonly owner: string;
  readonly cancel: CancelSignal;
  readonly inputs: Readonly<Record<string, NumericTensor>>;
  readonly outputs: readonly string[];
  readonly version: bigint;
}

/** Says that the sequence is lost, and how to go on. */
export const lost = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ServingError);
  assert.equal(error.kind, 'sequence_lost');
  assert.match(error.message, pattern);
  assert.match(error.message, /start it again: sequence_start/);
  return true;
};

/** Answers in the order in which the test says so. */
export function held() {
  const answers: ((isRight: boolean) => void)[] = [];
  const behave: Behaviour = (request) =>
    new Promise((resolve, reject) => {
      answers.push((isRight) => {
        if (isRight) resolve(count(request));
        else reject(new ServingError('backend_failed', 'it broke'));
      });
    });
  return { answers, behave };
}

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
