import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import { elements, type NumericTensor, numericTensor, type TensorMap } from '../../../src/core/tensor.ts';
import { EnsembleMembers } from '../../../src/features/ensembles/ensemble-members.ts';
import { planEnsemble } from '../../../src/features/ensembles/ensemble-plan.ts';
import { EnsembleRunner } from '../../../src/features/ensembles/ensemble-runner.ts';
import { STAGE_EXECUTE } from '../../../src/ledger/stage-clock.ts';
import type { EnsembleDeclaration } from '../../../src/models/loading/declared-ensemble.ts';
import type { RunContext } from '../../../src/models/serving/servable.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { affine, type Behaviour, never, PuppetDirectory, signature, spec } from '../../support/puppet-models.ts';
import { taskContext } from '../../support/scheduler-harness.ts';
import { turn } from '../../support/turns.ts';

const VECTOR = signature({ x: spec('float32', [-1]) }, { y: spec('float32', [-1]) });
const SUM = signature({ a: spec('float32', [-1]), b: spec('float32', [-1]) }, { y: spec('float32', [-1]) });

const vector = (...values: number[]): NumericTensor =>
  numericTensor('float32', [values.length], Float32Array.from(values));
const numbersOf = (outputs: TensorMap, name: string): number[] => [
  ...(elements(outputs.get(name) as NumericTensor) as Float32Array),
];

const add: Behaviour = ({ inputs, outputs }) => {
  const [a, b] = [numbersOf(inputs, 'a'), numbersOf(inputs, 'b')];
  const sum = vector(...a.map((each, i) => each + b[i]!));
  return new Map(outputs.map((name) => [name, sum]));
};

/**
 *   in ─▶ double ─▶ twice ─┬─▶ sum ─▶ all
 *   in ─▶ plus ───▶ more ──┘
 *   in ─▶ spare ──▶ other
 */
function ensemble(behave: Partial<Record<'double' | 'plus' | 'sum' | 'spare', Behaviour>> = {}) {
  const clock = new FakeClock();
  const models = new PuppetDirectory();
  const of = { serving_default: VECTOR };
  const runners = {
    double: models.add('double', { signatures: of, behave: behave.double ?? affine(2, 0) }),
    plus: models.add('plus', { signatures: of, behave: behave.plus ?? affine(1, 10) }),
    spare: models.add('spare', { signatures: of, behave: behave.spare ?? affine(-1, 0) }),
    sum: models.add('sum', { signatures: { serving_default: SUM }, behave: behave.sum ?? add }),
  };
  const step = (model: string, inputs: Record<string, string>, y: string) => ({
    model,
    inputs: new Map(Object.entries(inputs)),
    outputs: new Map([['y', y]]),
  });
  const declared: EnsembleDeclaration = {
    steps: [
      step('sum', { a: 'twice', b: 'more' }, 'all'),
      step('double', { x: 'in' }, 'twice'),
      step('plus', { x: 'in' }, 'more'),
      step('spare', { x: 'in' }, 'other'),
    ],
  };
  const signatures = declared.steps.map(({ model }) => (model === 'sum' ? SUM : VECTOR));
  const plan = planEnsemble(declared, signatures, (problem) => assert.fail(problem));
  const runner = new EnsembleRunner(plan, new EnsembleMembers(models, plan.tensors), clock, 1000);
  const ask = (outputs: readonly string[], context: RunContext = taskContext(clock), x = vector(1, 2)) => ({
    context,
    answer: runner.submit({ signatureName: 'serving_default', inputs: new Map([['in', x]]), outputs, context }),
  });
  return { clock, models, runners, runner, ask };
}

describe('EnsembleRunner', () => {
  it('runs each step as soon as its inputs are there, and gives the wanted outputs in their order', async () => {
    let release: () => void = () => undefined;
    const slow: Behaviour = (request) =>
      new Promise((resolve) => {
        release = () => resolve(affine(2, 0)(request) as TensorMap);
      });
    const { ask, runners } = ensemble({ double: slow });
    const { answer } = ask(['other', 'all']);
    await turn();
    assert.deepEqual(
      Object.values(runners).map(({ requests }) => requests.length),
      [1, 1, 1, 0],
      'all but the sum',
    );
    release();
    const outputs = await answer;
    assert.deepEqual([...outputs.keys()], ['other', 'all']);
    assert.deepEqual(numbersOf(outputs, 'all'), [13, 16]);
    assert.deepEqual(numbersOf(outputs, 'other'), [-1, -2]);
  });

  it('runs no step that the wanted outputs do not need', async () => {
    const { ask, runners } = ensemble();
    assert.deepEqual(numbersOf(await ask(['other']).answer, 'other'), [-1, -2]);
    assert.deepEqual(
      Object.values(runners).map(({ requests }) => requests.length),
      [0, 0, 1, 0],
    );
  });

  it('a step has the request’s deadline, caller and priority, and a cancel signal and clocks of its own', async () => {
    const { ask, runners, clock } = ensemble();
    const context = taskContext(clock, { deadline: 5000, caller: 'ann', priority: 0, hasOwnDeadline: true });
    await ask(['all'], context).answer;
    const own = runners.double.requests[0]!.context;
    assert.deepEqual([own.deadline, own.caller, own.priority, own.hasOwnDeadline], [5000, 'ann', 0, true]);
    assert.notEqual(own.cancel, context.cancel);
    assert.notEqual(own.cancel, runners.plus.requests[0]!.context.cancel);
    assert.equal(context.cancel.listener, undefined);
  });

  it('records its steps, for spans below the request’s', async () => {
    const { ask, clock } = ensemble();
    const trace = {
      traceId: '1'.repeat(32),
      spanId: '2'.repeat(16),
      parentSpanId: undefined,
      isSampled: true,
      traceState: undefined,
    };
    const { answer, context } = ask(['all'], taskContext(clock, { trace }));
    await answer;
    assert.deepEqual(
      context.steps!.map(({ model, version, outcome }) => [model, version, outcome]),
      [
        ['double', '1', 'ok'],
        ['plus', '1', 'ok'],
        ['sum', '1', 'ok'],
      ],
    );
    for (const step of context.steps!) {
      assert.equal(step.trace!.parentSpanId, trace.spanId);
      assert.equal(step.trace!.traceId, trace.traceId);
      assert.ok(step.stages.has(STAGE_EXECUTE));
      assert.ok(step.stages.finishedAt > 0);
    }
    assert.equal(new Set(context.steps!.map((step) => step.trace!.spanId)).size, 3);
  });

  it('a step that fails ends the others, and the error says which it was', async () => {
    const broken: Behaviour = () => {
      throw new ServingError('backend_failed', 'it broke', { retryAfterMs: 7 });
    };
    const { ask, runners } = ensemble({ double: never, plus: broken });
    const { answer, context } = ask(['all']);
    await assert.rejects(answer, {
      kind: 'backend_failed',
      message: 'step 3, model "plus": it broke',
      retryAfterMs: 7,
    });
    assert.equal(runners.double.requests[0]!.context.cancel.isCancelled, true);
    assert.equal(runners.sum.requests.length, 0);
    // The request's spans may be made now.
    for (const step of context.steps!) assert.ok(step.stages.finishedAt > 0);
    const outcomes = context.steps!.map(({ model, outcome }) => [model, outcome]);
    assert.deepEqual(outcomes.toSorted(), [
      ['double', 'cancelled'],
      ['plus', 'backend_failed'],
    ]);
  });

  it('begins no step that leaves too little time for those after it', async () => {
    const { ask, runners, clock } = ensemble();
    const estimate = (meanMs: number) => () =>
      new Map([['serving_default', [{ rows: 1, meanMs, highMs: 2 * meanMs, runs: 9 }]]]);
    Object.assign(runners.double, { latencyEstimates: estimate(20) });
    Object.assign(runners.plus, { latencyEstimates: estimate(5) });
    Object.assign(runners.sum, { latencyEstimates: estimate(30) });
    const within = (ms: number, hasOwnDeadline = true): RunContext =>
      taskContext(clock, { deadline: clock.nowMs() + ms, hasOwnDeadline });
    // The first that comes is a probe. Its puppets take no time.
    await ask(['other'], within(1)).answer;
    clock.advance(200);
    const { answer } = ask(['all'], within(49));
    await assert.rejects(answer, {
      kind: 'deadline_exceeded',
      message:
        /^step 2, model "double": 49.0 ms of the deadline are left, and this step and those after it take about 50.0 ms/,
    });
    assert.equal(runners.double.requests.length, 0);
    await ask(['other'], within(1)).answer;
    const begun = ask(['all'], within(50));
    clock.advance(21);
    await assert.rejects(begun.answer, /^ServingError: step 1, model "sum": 29.0 ms of the deadline are left/);
    // The server's own cap is no deadline; and after a second of refusals one is let through.
    await ask(['all'], within(1, false)).answer;
    clock.advance(1001);
    await ask(['all'], within(1)).answer;
    await assert.rejects(ask(['all'], within(1)).answer, /of the deadline are left/);
  });

  it('an ensemble that runs within itself ends', async () => {
    const self: { runner?: EnsembleRunner } = {};
    const again: Behaviour = ({ inputs, context, signatureName }) =>
      self.runner!.submit({ signatureName, inputs: new Map([['in', inputs.get('x')!]]), outputs: ['other'], context });
    const { ask, runner, runners } = ensemble({ spare: again });
    self.runner = runner;
    await assert.rejects(ask(['other']).answer, { kind: 'load_failed', message: /run within one another 16 times/ });
    assert.equal(runners.spare.requests.length, 16);
  });

  it('a request that is late or cancelled ends its steps', async () => {
    const { ask, runners } = ensemble({ double: never, plus: never });
    const { answer, context } = ask(['all']);
    const late = new ServingError('deadline_exceeded', 'too late');
    context.cancel.cancel(late);
    await assert.rejects(answer, late);
    for (const { requests } of [runners.double, runners.plus]) {
      assert.equal(requests[0]!.context.cancel.reason, late);
    }
  });

  it('a member that loads is a reason to try again, and one that was taken away takes the ensemble with it', async () => {
    const { ask, models } = ensemble();
    const acquire = models.acquire.bind(models);
    models.acquire = (name, choice) => {
      if (name === 'plus') throw new ServingError('model_not_ready', 'it loads');
      return acquire(name, choice);
    };
    await assert.rejects(ask(['all']).answer, { kind: 'model_not_ready' });
    models.acquire = acquire;
    models.add('plus', { state: 'END', signatures: { serving_default: VECTOR } });
    await assert.rejects(ask(['all']).answer, { kind: 'model_not_found' });
  });

  it('goes on with another version of a member that fits, and says what does not', async () => {
    const { ask, models } = ensemble();
    await ask(['all']).answer;
    models.add('plus', { version: 2n, signatures: { serving_default: VECTOR }, behave: affine(1, 100) });
    assert.deepEqual(numbersOf(await ask(['all']).answer, 'all'), [103, 106]);
    const wide = signature({ x: spec('float32', [-1]) }, { y: spec('float32', [-1, 4]) });
    models.add('plus', { version: 3n, signatures: { serving_default: wide } });
    await assert.rejects(ask(['all']).answer, (error: ServingError) => {
      assert.equal(error.kind, 'load_failed');
      assert.match(
        error.message,
        /^step 3, model "plus": version 3 does not fit the ensemble: its output "y" is another/,
      );
      return true;
    });
  });

  it('releases its members at once, and closes when its last request has ended', async () => {
    let release: () => void = () => undefined;
    const slow: Behaviour = (request) =>
      new Promise((resolve) => {
        release = () => resolve(affine(2, 0)(request) as TensorMap);
      });
    const { ask, runner, models } = ensemble({ double: slow });
    const { answer } = ask(['all']);
    assert.equal(runner.runningBatches, 1);
    const member = models.find('double', {})!;
    await member.unload();
    let isClosed = false;
    const closing = runner.close().then(() => {
      isClosed = true;
    });
    await turn();
    assert.equal(isClosed, false);
    release();
    await answer;
    await closing;
    assert.equal(runner.runningBatches, 0);
  });
});
