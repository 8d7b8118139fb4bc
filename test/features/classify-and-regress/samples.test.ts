/** Records of sampled Classify, Regress and MultiInference requests. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import type { InferenceTask } from '../../../src/codec/tensorflow/example-input-reader.ts';
import { ServingError } from '../../../src/core/errors.ts';
import type { ModelSpec } from '../../../src/core/model-spec.ts';
import { numericTensor, type StringTensor, stringTensor, type Tensor } from '../../../src/core/tensor.ts';
import { CLASSIFY } from '../../../src/features/classify-and-regress/classify.ts';
import { ExamplesCall } from '../../../src/features/classify-and-regress/examples-call.ts';
import { MultiInferenceCall } from '../../../src/features/classify-and-regress/multi-inference.ts';
import { REGRESS } from '../../../src/features/classify-and-regress/regress.ts';
import { EXAMPLES_REPLAYS } from '../../../src/features/classify-and-regress/replays.ts';
import { RequestSamplers } from '../../../src/models/serving/request-samplers.ts';
import { runCall } from '../../../src/proxy/call.ts';
import { ModelResolver } from '../../../src/proxy/handlers/model-resolver.ts';
import { PredictionLogReplayer } from '../../../src/proxy/records/prediction-log-replayer.ts';
import { RequestContext } from '../../../src/proxy/request-context.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { exampleBytes } from '../../support/feature-specs.ts';
import { type LoggedInference, loggedInference } from '../../support/inference-logs.ts';
import { parseRecords, recordBytes } from '../../support/prediction-logs.ts';
import { type Behaviour, PuppetDirectory, signature, spec } from '../../support/puppet-models.ts';

const EXAMPLES = { inputs: spec('string', [-1]) };
const SIGNATURES = {
  serving_default: signature(EXAMPLES, { classes: spec('string', [-1, -1]), scores: spec('float32', [-1, -1]) }),
  regress: signature(EXAMPLES, { outputs: spec('float32', [-1]) }),
};

/** The label is "x", score and value are the example's bytes. */
const lengths: Behaviour = ({ inputs, outputs }) => {
  const { data } = inputs.get('inputs') as StringTensor;
  const n = data.length;
  const sizes = Float32Array.from(data, ({ length }) => length);
  const given: Record<string, Tensor> = {
    classes: stringTensor(
      [n, 1],
      data.map(() => Buffer.from('x')),
    ),
    scores: numericTensor('float32', [n, 1], sizes),
    outputs: numericTensor('float32', [n], sizes),
  };
  return new Map(outputs.map((name) => [name, given[name]!]));
};

const ONE = exampleBytes({ x: [1] });
const TWO = exampleBytes({ x: [1, 2] });
const CLASSIFY_TASK = { modelSpec: { name: 'm', version: 7n }, methodName: 'tensorflow/serving/classify' };
const REGRESS_TASK = { modelSpec: { name: 'm', signatureName: 'regress' }, methodName: 'tensorflow/serving/regress' };

function harness(behave = lengths, wantsResponse = true) {
  const clock = new FakeClock();
  const board = new RequestSamplers({ clock, random: () => 0, onInternalError: (error) => assert.fail(`${error}`) });
  const models = new PuppetDirectory();
  models.add('m', { version: 7n, signatures: SIGNATURES, behave, labels: ['stable'] });
  const handle = models.acquire('m', {});
  handle.servable.findings.samplePoint = board.pointOf('m');
  handle.release();
  const records: Buffer[] = [];
  const asked: number[] = [];
  const consumer = {
    samplingRate: 1,
    wantsResponse,
    hasRoom: true,
    admits: (bytes: number): boolean => {
      asked.push(bytes);
      return consumer.hasRoom;
    },
    take: (record: Buffer): void => {
      records.push(record);
    },
  };
  const stop = board.add('m', consumer);
  const context = () =>
    new RequestContext({
      clock,
      arrival: {
        ...{ surface: 'rest', method: 'Classify', receivedAt: clock.nowMs(), timeoutMs: undefined },
        ...{ requestId: undefined, peer: 'test', caller: 'test', callerTrace: undefined },
      },
      ...{ deadline: Infinity, sequence: 1, trace: undefined },
    });
  const logs = (): LoggedInference[] => records.flatMap((record) => parseRecords(record).map(loggedInference));
  const resolver = new ModelResolver(models);
  const replayer = new PredictionLogReplayer({ replays: EXAMPLES_REPLAYS, clock, maxTensorBytes: 10_000 });
  return { resolver, context, logs, records, asked, consumer, stop, replayer, servable: handle.servable };
}

type Examples = readonly Uint8Array[];

const classify = (resolver: ModelResolver, modelSpec: ModelSpec, examples: Examples, context: RequestContext) =>
  runCall(new ExamplesCall(CLASSIFY, resolver, { modelSpec, examples }, context));
const regress = (resolver: ModelResolver, modelSpec: ModelSpec, examples: Examples, context: RequestContext) =>
  runCall(new ExamplesCall(REGRESS, resolver, { modelSpec, examples }, context));
const multiInference = (
  resolver: ModelResolver,
  tasks: readonly InferenceTask[],
  examples: Examples,
  context: RequestContext,
) => runCall(new MultiInferenceCall(resolver, { tasks, examples }, context));

describe('a sampled method on examples', () => {
  it('gives a Classify as one, with its examples, the version asked for, and labels with scores', async () => {
    const { resolver, context, logs } = harness();
    await classify(resolver, { name: 'm', label: 'stable' }, [ONE, TWO], context());
    assert.deepEqual(logs(), [
      {
        type: 'classifyLog',
        version: 7n,
        specs: ['m:stable:serving_default'],
        methods: [],
        examples: [ONE, TWO],
        results: [[[['x', ONE.length]], [['x', TWO.length]]]],
      },
    ]);
  });

  it('gives a Regress as one', async () => {
    const { resolver, context, logs, asked } = harness();
    await regress(resolver, { name: 'm', version: 7n, signatureName: 'regress' }, [ONE, TWO], context());
    assert.deepEqual(logs(), [
      {
        type: 'regressLog',
        version: 7n,
        specs: ['m:7:regress'],
        methods: [],
        examples: [ONE, TWO],
        results: [[ONE.length, TWO.length]],
      },
    ]);
    assert.deepEqual(asked, [ONE.length + TWO.length + 8], 'once, for what request and answer take');
  });

  it('gives a MultiInference as one record of all its tasks', async () => {
    const { resolver, context, logs } = harness();
    await multiInference(resolver, [CLASSIFY_TASK, REGRESS_TASK], [ONE], context());
    assert.deepEqual(logs(), [
      {
        type: 'multiInferenceLog',
        version: 7n,
        specs: ['m:7:serving_default', 'm::regress'],
        methods: ['tensorflow/serving/classify', 'tensorflow/serving/regress'],
        examples: [ONE],
        results: [[[['x', ONE.length]]], [ONE.length]],
      },
    ]);
  });

  it('gives the request alone to who wants no answers, and nothing to who has no room', async () => {
    const { resolver, context, logs, consumer, asked } = harness(lengths, false);
    await classify(resolver, { name: 'm' }, [ONE], context());
    assert.deepEqual([logs()[0]!.examples, logs()[0]!.results, asked], [[ONE], [], [ONE.length]]);
    consumer.hasRoom = false;
    await classify(resolver, { name: 'm' }, [ONE], context());
    assert.equal(logs().length, 1);
  });

  it('keeps copies of its own: the request’s memory may be used again', async () => {
    const { resolver, context, logs } = harness();
    const lent = Uint8Array.from(ONE);
    await regress(resolver, { name: 'm', signatureName: 'regress' }, [lent], context());
    lent.fill(0xff);
    assert.deepEqual(logs()[0]!.examples, [ONE]);
  });

  it('writes down none that failed, gave what it must not, or was cancelled as it was answered', async () => {
    const ask = async (behave: Behaviour, refusal?: RegExp): Promise<void> => {
      const { resolver, context, records } = harness(behave);
      const asking = [
        () => classify(resolver, { name: 'm' }, [ONE], context()),
        () => regress(resolver, { name: 'm', signatureName: 'regress' }, [ONE], context()),
        () => multiInference(resolver, [CLASSIFY_TASK, REGRESS_TASK], [ONE], context()),
      ];
      for (const each of asking) {
        if (refusal === undefined) await each();
        else await assert.rejects(each(), refusal);
      }
      assert.equal(records.length, 0);
    };
    await ask(() => Promise.reject(new ServingError('backend_failed', 'no')), /no/);
    const square = numericTensor('float32', [3, 3], new Float32Array(9));
    await ask(({ outputs }) => new Map(outputs.map((name) => [name, square])), /the model is at fault/);
    await ask((request) => {
      const outputs = lengths(request);
      request.context.cancel.listener = undefined;
      request.context.cancel.cancel(new ServingError('cancelled', 'left'));
      return outputs;
    });
  });

  it('writes nothing more once nobody listens', async () => {
    const { resolver, context, records, stop } = harness();
    stop();
    await classify(resolver, { name: 'm' }, [ONE], context());
    assert.equal(records.length, 0);
  });

  it('makes records that pass as golden of the same version', async () => {
    const { resolver, context, records, stop, replayer, servable } = harness();
    await classify(resolver, { name: 'm', label: 'stable' }, [ONE, TWO], context());
    await regress(resolver, { name: 'm', signatureName: 'regress' }, [TWO], context());
    await multiInference(resolver, [REGRESS_TASK, CLASSIFY_TASK], [ONE, TWO], context());
    stop();
    assert.equal(records.length, 3);
    for (const record of records) await replayer.check(servable, recordBytes(record));
  });
});
