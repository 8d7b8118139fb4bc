import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { type NumericTensor, numericTensor } from '../../../../src/core/tensor.ts';
import { RequestSamplers, type SampleConsumer } from '../../../../src/models/serving/request-samplers.ts';
import { runCall } from '../../../../src/proxy/call.ts';
import { ModelResolver } from '../../../../src/proxy/handlers/model-resolver.ts';
import { PredictCall } from '../../../../src/proxy/handlers/predict.ts';
import { RequestContext } from '../../../../src/proxy/request-context.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { parseRecords } from '../../../support/prediction-logs.ts';
import { affine, type Behaviour, PuppetDirectory } from '../../../support/puppet-models.ts';

/** A consumer that keeps its records, with or without room. */
class Keeper implements SampleConsumer {
  readonly records: Buffer[] = [];
  readonly asked: number[] = [];
  samplingRate = 1;
  wantsResponse = true;
  hasRoom = true;

  admits(bytes: number): boolean {
    this.asked.push(bytes);
    return this.hasRoom;
  }

  take(record: Buffer): void {
    this.records.push(record);
  }
}

interface Log {
  readonly logMetadata: {
    readonly modelSpec: { readonly name: string; readonly versionChoice: { readonly value: unknown } };
    readonly timestampSecs: bigint;
  };
  readonly logType: {
    readonly value: {
      readonly request: {
        readonly modelSpec: { readonly versionChoice: { readonly case?: string; readonly value?: unknown } };
        readonly inputs: Record<string, { readonly tensorContent: Uint8Array }>;
        readonly outputFilter: readonly string[];
      };
      readonly response?: { readonly outputs: Record<string, { readonly tensorContent: Uint8Array }> };
    };
  };
}

const floatsOf = (bytes: Uint8Array): number[] => [...new Float32Array(Uint8Array.from(bytes).buffer)];

function harness({ random = () => 0, behave = affine(0.5, 2) }: { random?: () => number; behave?: Behaviour } = {}) {
  const clock = new FakeClock();
  const errors: unknown[] = [];
  const board = new RequestSamplers({ clock, random, onInternalError: (error) => errors.push(error) });
  const models = new PuppetDirectory();
  models.add('m', { behave, labels: ['stable'] });
  const handle = models.acquire('m', {});
  handle.servable.findings.samplePoint = board.pointOf('m');
  handle.release();
  const resolver = new ModelResolver(models);
  const context = () =>
    new RequestContext({
      clock,
      arrival: {
        ...{ surface: 'rest', method: 'Predict', receivedAt: clock.nowMs(), timeoutMs: undefined },
        ...{ requestId: undefined, peer: 'test', caller: 'test', callerTrace: undefined },
      },
      ...{ deadline: Infinity, sequence: 1, trace: undefined },
    });
  const x = numericTensor('float32', [2], Float32Array.of(1, 2));
  const predict = (its = context(), spec = {}, filter: readonly string[] = []) =>
    runCall(
      new PredictCall(
        resolver,
        { modelSpec: { name: 'm', ...spec }, inputs: new Map([['x', x]]), outputFilter: filter },
        its,
      ),
    );
  const logsOf = (keeper: Keeper): Log[] => keeper.records.map((record) => parseRecords(record)[0] as never);
  return { board, predict, context, x, logsOf, errors, servable: handle.servable };
}

describe('a sampled model', () => {
  it('gives a consumer each request with its answer, as they were asked and answered', async () => {
    const { board, predict, logsOf } = harness();
    const keeper = new Keeper();
    board.add('m', keeper);
    await predict(undefined, { label: 'stable' }, ['y']);
    const [log] = logsOf(keeper);
    assert.equal(log!.logMetadata.modelSpec.name, 'm');
    assert.equal(log!.logMetadata.timestampSecs, 1_700_000_001n);
    const { request, response } = log!.logType.value;
    assert.deepEqual({ ...request.modelSpec.versionChoice }, { case: 'versionLabel', value: 'stable' });
    assert.deepEqual(request.outputFilter, ['y']);
    assert.deepEqual(floatsOf(request.inputs['x']!.tensorContent), [1, 2]);
    assert.deepEqual(floatsOf(response!.outputs['y']!.tensorContent), [2.5, 3]);
  });

  it('gives the request alone to who wants no answers', async () => {
    const { board, predict, logsOf } = harness();
    const keeper = new Keeper();
    keeper.wantsResponse = false;
    board.add('m', keeper);
    await predict();
    assert.equal(logsOf(keeper)[0]!.logType.value.response, undefined);
    assert.deepEqual(keeper.asked, [8]);
  });

  it('samples for each consumer by itself', async () => {
    let draws = [0.3, 0.3, 0.6, 0.6];
    const { board, predict } = harness({ random: () => draws.shift()! });
    const [half, most] = [new Keeper(), new Keeper()];
    half.samplingRate = 0.5;
    most.samplingRate = 0.9;
    board.add('m', half);
    board.add('m', most);
    await predict();
    await predict();
    assert.deepEqual([half.records.length, most.records.length], [1, 2]);
    draws = [0.95, 0.95];
    await predict();
    assert.deepEqual([half.records.length, most.records.length], [1, 2]);
  });

  it('copies nothing for a consumer without room', async () => {
    const { board, predict } = harness();
    const keeper = new Keeper();
    keeper.hasRoom = false;
    board.add('m', keeper);
    await predict();
    assert.deepEqual([keeper.records.length, keeper.asked], [0, [16]]);
  });

  it('keeps a copy of its own: the request’s memory may be used again', async () => {
    const { board, predict, x, logsOf } = harness();
    const keeper = new Keeper();
    board.add('m', keeper);
    await predict();
    (x as NumericTensor).data.fill(0xff);
    assert.deepEqual(floatsOf(logsOf(keeper)[0]!.logType.value.request.inputs['x']!.tensorContent), [1, 2]);
  });

  it('writes down no request that failed, and none that was cancelled as it was answered', async () => {
    const failure = new ServingError('backend_failed', 'no');
    const failing = harness({ behave: () => Promise.reject(failure) });
    const keeper = new Keeper();
    failing.board.add('m', keeper);
    await assert.rejects(failing.predict(), failure);
    const late = harness({
      behave: ({ context, outputs, inputs }) => {
        context.cancel.listener = undefined;
        context.cancel.cancel(new ServingError('cancelled', 'left'));
        return new Map(outputs.map((name) => [name, inputs.get('x')!]));
      },
    });
    late.board.add('m', keeper);
    await late.predict();
    assert.equal(keeper.records.length, 0);
  });

  it('answers well when a consumer throws, and the error is told', async () => {
    const { board, predict, errors } = harness();
    const keeper = new Keeper();
    keeper.take = () => {
      throw new Error('a bug');
    };
    board.add('m', keeper);
    const outputs = await predict();
    assert.deepEqual([...outputs.keys()], ['y']);
    assert.equal((errors[0] as Error).message, 'a bug');
  });

  it('gives messages of other kinds as they are, made only where there is room', async () => {
    const { board, servable } = harness();
    const keeper = new Keeper();
    board.add('m', keeper);
    const served = servable.served.get('serving_default')!;
    let made = 0;
    const message = (): Uint8Array => {
      made += 1;
      return new Uint8Array(0);
    };
    const exchange = {
      type: 'classify' as const,
      served,
      requestBytes: 5,
      responseBytes: 2,
      request: message,
      response: message,
    };
    servable.findings.samplePoint.sampler!.sample()!.onMessages(exchange);
    assert.deepEqual([keeper.asked, made], [[7], 2]);
    const [log] = parseRecords(keeper.records[0]!) as never as { logType: { case: string } }[];
    assert.equal(log!.logType.case, 'classifyLog');
    keeper.hasRoom = false;
    servable.findings.samplePoint.sampler!.sample()!.onMessages(exchange);
    assert.equal(made, 2);
  });

  it('has no sampler before the first consumer and after the last', async () => {
    const { board, servable, predict } = harness();
    const [one, other] = [new Keeper(), new Keeper()];
    assert.equal(servable.findings.samplePoint.sampler, undefined);
    const stopOne = board.add('m', one);
    const stopOther = board.add('m', other);
    stopOne();
    stopOne();
    await predict();
    assert.deepEqual([one.records.length, other.records.length], [0, 1]);
    stopOther();
    assert.equal(servable.findings.samplePoint.sampler, undefined);
  });

  it('is told from others', async () => {
    const { board, servable } = harness();
    board.add('another', new Keeper());
    assert.equal(servable.findings.samplePoint.sampler, undefined);
    assert.equal(board.pointOf('m'), servable.findings.samplePoint);
  });
});
