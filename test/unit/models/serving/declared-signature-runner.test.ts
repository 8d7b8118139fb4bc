import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodecThread } from '../../../../src/codec-thread/codec-thread.ts';
import { CancelSignal, clientLeft } from '../../../../src/core/cancel.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import type { Signature } from '../../../../src/core/signature.ts';
import { numericTensor, type Tensor, type TensorMap } from '../../../../src/core/tensor.ts';
import type { DeclaredSignature } from '../../../../src/models/serving/declared-signature.ts';
import { DeclaredSignatureRunner } from '../../../../src/models/serving/declared-signature-runner.ts';
import type { SchedulerRequest } from '../../../../src/scheduler/task.ts';
import { exampleBytes, featureSpec, valuesOf } from '../../../support/feature-specs.ts';
import { type Behaviour, PuppetRunner, signature, spec } from '../../../support/puppet-models.ts';

const SEEN: Signature = signature({ inputs: spec('string', [-1]) }, { scores: spec('float32', [-1, 2]) });
const LABELS = ['no', 'yes'].map((label) => new TextEncoder().encode(label));

function view(name: string, more: Partial<DeclaredSignature> = {}): DeclaredSignature {
  return {
    name,
    signature: SEEN,
    graphName: 'serving_default',
    inputs: { kind: 'examples', features: [featureSpec('x', 'float32', [2], { input: 'graph_x' })], sharing: 'x' },
    outputs: new Map([['scores', 'p']]),
    labels: LABELS,
    ...more,
  };
}

/** p = graph_x, n = as many ones as rows. */
const graph: Behaviour = ({ inputs, outputs }) => {
  const x = inputs.get('graph_x')!;
  const n = numericTensor('float32', [x.shape[0]!], new Float32Array(x.shape[0]!).fill(1));
  return new Map(outputs.map((name) => [name, name === 'p' ? x : n] as const));
};

function request(
  signatureName: string,
  outputs: readonly string[],
  ...examples: readonly Uint8Array[]
): SchedulerRequest {
  const inputs = new Map<string, Tensor>([['inputs', { dtype: 'string', shape: [examples.length], data: examples }]]);
  const context = { stages: { startedAt: 0, enter: () => undefined }, cancel: new CancelSignal() };
  return { signatureName, inputs, outputs, context: context as unknown as SchedulerRequest['context'] };
}

function runner(...views: readonly DeclaredSignature[]): { viewed: DeclaredSignatureRunner; inner: PuppetRunner } {
  const inner = new PuppetRunner(graph);
  return {
    inner,
    viewed: new DeclaredSignatureRunner(inner, new Map(views.map((each) => [each.name, each])), 1 << 20),
  };
}

const values = (outputs: TensorMap | undefined, name: string): unknown[] => valuesOf(outputs?.get(name));

test('a request for a view runs the graph, and its answer has the names that were asked for, in order', async () => {
  const { viewed, inner } = runner(view('v'));
  const outputs = await viewed.submit(request('v', ['classes', 'scores'], exampleBytes({ x: [1, 2] })));
  assert.deepEqual([...outputs.keys()], ['classes', 'scores']);
  assert.deepEqual(values(outputs, 'scores'), [1, 2]);
  assert.deepEqual(values(outputs, 'classes'), ['no', 'yes']);
  const [ran] = inner.requests;
  assert.deepEqual([ran!.signatureName, ran!.outputs], ['serving_default', ['p']]);
  assert.deepEqual(ran!.inputs.get('graph_x')!.shape, [1, 2]);
});

test("what names the graph's own signature is handed on as it is", async () => {
  const { viewed, inner } = runner(view('v'));
  const own: SchedulerRequest = {
    ...request('serving_default', ['p']),
    inputs: new Map([['graph_x', numericTensor('float32', [1, 2], Float32Array.of(5, 6))]]),
  };
  await viewed.submit(own);
  assert.equal(inner.requests[0], own);
});

test('views that read examples alike run once for all, others for themselves', async () => {
  const values2 = view('two', { outputs: new Map([['outputs', 'n']]), labels: undefined });
  const { inputs } = view('x');
  const other = view('three', { inputs: { ...inputs, sharing: 'y' } as DeclaredSignature['inputs'] });
  const { viewed, inner } = runner(view('one'), values2, other);
  const example = exampleBytes({ x: [1, 2] });
  const answers = await viewed.submitTogether([
    request('three', ['scores'], example),
    request('one', ['classes', 'scores'], example),
    request('two', ['outputs'], example),
  ]);
  assert.equal(inner.requests.length, 2);
  assert.deepEqual(inner.requests[1]!.outputs, ['p', 'n']);
  assert.deepEqual([...answers[0]!.keys()], ['scores']);
  assert.deepEqual([...answers[1]!.keys()], ['classes', 'scores']);
  assert.deepEqual(values(answers[2], 'outputs'), [1]);
});

test('labels that do not fit the scores, and examples that are none, refuse the request alone', async () => {
  const { viewed } = runner(view('v', { labels: LABELS.slice(1) }));
  const refused = (pattern: RegExp) => (error: unknown) =>
    error instanceof ServingError && error.kind === 'invalid_request' && pattern.test(error.message);
  await assert.rejects(
    viewed.submit(request('v', ['classes'], exampleBytes({ x: [1, 2] }))),
    refused(/has 1 labels, but the model's scores are \[1,2\]/),
  );
  await assert.rejects(
    viewed.submit(request('v', ['scores'], Uint8Array.of(0xff))),
    refused(/^example 0 is not valid/),
  );
});

test('many examples are read on the codec thread, and the version does not close before they are queued', async (t) => {
  const thread = new CodecThread(systemClock);
  t.after(() => thread.close());
  const inner: PuppetRunner = new PuppetRunner((asked) => {
    assert.equal(inner.isClosed, false);
    return graph(asked);
  });
  const viewed = new DeclaredSignatureRunner(inner, new Map([['v', view('v')]]), 1 << 20, thread);
  const examples = Array<Uint8Array>(5000).fill(exampleBytes({ x: [1, 2] }));
  const answer = viewed.submit(request('v', ['scores'], ...examples));
  assert.equal(inner.requests.length, 0, 'it is being read');
  const closed = viewed.close();
  assert.deepEqual(
    values(await answer, 'scores'),
    examples.flatMap(() => [1, 2]),
  );
  await closed;
  assert.equal(inner.isClosed, true);
});

test('few examples that become a large tensor are read there as well; a client that leaves is not served', async (t) => {
  const thread = new CodecThread(systemClock);
  t.after(() => thread.close());
  const inner = new PuppetRunner(graph);
  const filler = numericTensor('float32', [100_000], new Float32Array(100_000).fill(3));
  const wide = featureSpec('x', 'float32', [100_000], { input: 'graph_x', filler });
  const inputs = { kind: 'examples', features: [wide], sharing: 'x' } as const;
  const viewed = new DeclaredSignatureRunner(inner, new Map([['v', view('v', { inputs })]]), 1 << 24, thread);
  const asked = request('v', ['scores'], exampleBytes({}), exampleBytes({}));
  assert.deepEqual(new Set(values(await viewed.submit(asked), 'scores')), new Set([3]));
  const leaving = request('v', ['scores'], exampleBytes({}), exampleBytes({}));
  const answer = viewed.submit(leaving);
  leaving.context.cancel.cancel(clientLeft('admit'));
  await assert.rejects(answer, { kind: 'cancelled' });
  assert.equal(inner.requests.length, 1);
});
