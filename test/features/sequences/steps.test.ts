import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import type { SequenceStep } from '../../../src/core/model-spec.ts';
import type { Signature } from '../../../src/core/signature.ts';
import { type NumericTensor, numericTensor, type TensorMap } from '../../../src/core/tensor.ts';
import { SequenceTable } from '../../../src/features/sequences/sequence-table.ts';
import { runCall } from '../../../src/proxy/call.ts';
import { InferenceCall } from '../../../src/proxy/handlers/inference-call.ts';
import { ModelResolver } from '../../../src/proxy/handlers/model-resolver.ts';
import { PredictCall } from '../../../src/proxy/handlers/predict.ts';
import { RequestContext } from '../../../src/proxy/request-context.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { echo, PuppetDirectory, signature, spec } from '../../support/puppet-models.ts';

const CELL: Signature = {
  ...signature(
    { x: spec('float32', [-1]), h: spec('float32', [-1]) },
    { y: spec('float32', [-1]), hN: spec('float32', [-1]) },
  ),
  kept: { nextOf: new Map([['h', 'hN']]) },
};

/** A call of a method that knows no states. */
class OtherCall extends InferenceCall<undefined> {
  check(): void {}

  submit(): undefined {}
}

class StatefulDirectory extends PuppetDirectory {
  readonly table: SequenceTable;

  constructor(clock: FakeClock) {
    super();
    const limits = { most: 9, mostPerCaller: 9, mostBytes: 999, mostBytesPerCaller: 999, idleMs: 1000 };
    this.table = new SequenceTable({ model: 'cell', clock, limits: () => limits });
  }

  sequencesOf(name: string): SequenceTable | undefined {
    return name === 'cell' ? this.table : undefined;
  }
}

const vector = (value: number): NumericTensor => numericTensor('float32', [1], Float32Array.of(value));

function bench() {
  const clock = new FakeClock();
  const models = new StatefulDirectory(clock);
  const runner = models.add('cell', { signatures: { serving_default: CELL }, behave: echo });
  models.add('plain');
  const resolver = new ModelResolver(models, models);
  const contextOf = (step?: SequenceStep) =>
    new RequestContext({
      clock,
      arrival: {
        ...{ surface: 'grpc', method: 'Predict', receivedAt: clock.nowMs(), timeoutMs: undefined },
        ...{ step, requestId: undefined, peer: '', caller: 'local:1', callerTrace: undefined },
      },
      ...{ deadline: Infinity, sequence: 1, trace: undefined },
    });
  const predict = (
    model: string,
    inputs: Record<string, NumericTensor>,
    { step, header, filter = [] }: { step?: SequenceStep; header?: SequenceStep; filter?: readonly string[] } = {},
  ): Promise<TensorMap> =>
    runCall(
      new PredictCall(
        resolver,
        {
          modelSpec: { name: model },
          inputs: new Map(Object.entries(inputs)),
          outputFilter: filter,
          ...(step !== undefined && { sequence: step }),
        },
        contextOf(header),
      ),
    );
  return { models, runner, resolver, contextOf, predict };
}

const START: SequenceStep = { id: '7', start: true, end: false };

const refused = (kind: string, pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ServingError);
  assert.equal(error.kind, kind);
  assert.match(error.message, pattern);
  return true;
};

describe('a Predict that is a step', () => {
  it('need not bring the state, wants the outputs beside it, and is the runner’s to complete', async () => {
    const { predict, runner } = bench();
    await predict('cell', { x: vector(1) }, { step: START });
    const [request] = runner.requests;
    assert.deepEqual([...request!.inputs.keys()], ['x']);
    assert.deepEqual(request!.outputs, ['y']);
    assert.deepEqual((request as PredictCall).sequence?.step, START);
  });

  it('is what its headers say, unless its message says otherwise', async () => {
    const { predict, runner } = bench();
    await predict('cell', { x: vector(1) }, { header: START });
    await predict('cell', { x: vector(1) }, { header: START, step: { ...START, id: 8n } });
    assert.deepEqual(
      runner.requests.map((request) => (request as PredictCall).sequence?.step.id),
      ['7', 8n],
    );
  });

  it('gets the next state if it names it', async () => {
    const { predict, runner } = bench();
    await predict('cell', { x: vector(1) }, { step: START, filter: ['hN', 'y'] });
    assert.deepEqual(runner.requests[0]!.outputs, ['hN', 'y']);
  });

  it('is refused where nothing was started, and its version is given back', async () => {
    const { predict, models } = bench();
    const step = { ...START, start: false };
    await assert.rejects(predict('cell', { x: vector(1) }, { step }), refused('sequence_lost', /is not known here/));
    await assert.rejects(
      predict('cell', { z: vector(1) }, { step: START }),
      refused('invalid_request', /wants the inputs "x"; missing: "x"; unknown: "z"/),
    );
    await models.find('cell', {})!.unload();
  });

  it('ends what ran under its id if it is a start, also one that is refused for its inputs', async () => {
    const { predict, models } = bench();
    const next = { ...START, start: false };
    // The puppet's runner keeps no sequences: this is what a first step does.
    models.table.stepOf({ owner: 'local', step: START }, models.find('cell', {})!).enter();
    await predict('cell', { x: vector(1) }, { step: next });
    await assert.rejects(
      predict('cell', { z: vector(1) }, { step: START }),
      refused('invalid_request', /missing: "x"/),
    );
    await assert.rejects(
      predict('cell', { x: vector(1) }, { step: next }),
      refused('sequence_lost', /its first step was refused or failed/),
    );
    await models.find('cell', {})!.unload();
  });

  it('is refused by a model, and by a method, without a state', async () => {
    const { predict, resolver, contextOf } = bench();
    await assert.rejects(
      predict('plain', { x: vector(1) }, { step: START }),
      refused('invalid_request', /model "plain" version 1 signature "serving_default" keeps no state/),
    );
    await assert.rejects(
      runCall(new OtherCall(resolver, { name: 'plain' }, contextOf(START))),
      refused('invalid_request', /keeps no state/),
    );
  });

  it('a request that is none brings the state itself', async () => {
    const { predict, runner } = bench();
    await assert.rejects(
      predict('cell', { x: vector(1) }),
      refused('invalid_request', /missing: "h"; the server keeps "h" for the steps of a sequence: send its id/),
    );
    await predict('cell', { x: vector(1), h: vector(2) });
    assert.deepEqual([...runner.requests[0]!.inputs.keys()], ['x', 'h']);
    assert.deepEqual(runner.requests[0]!.outputs, ['y', 'hN']);
  });

  it('goes to no fallback', async () => {
    const { predict, models, runner } = bench();
    models.fallbacks = { has: () => true, acquire: () => assert.fail(), run: () => assert.fail() };
    runner.requests.length = 0;
    models.add('cell', {
      version: 2n,
      signatures: { serving_default: CELL },
      behave: () => {
        throw new ServingError('backend_failed', 'it broke');
      },
    });
    await assert.rejects(predict('cell', { x: vector(1) }, { step: START }), /^ServingError: it broke$/);
  });
});
