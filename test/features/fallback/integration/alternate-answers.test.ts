/** Models that answer in another's place, over real connections: fallback and degrade_to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import type { Signature } from '../../../../src/core/signature.ts';
import { numericTensor } from '../../../../src/core/tensor.ts';
import { FallbackSearch } from '../../../../src/features/fallback/fallback-search.ts';
import type { ModelFallbacks } from '../../../../src/features/fallback/keys.ts';
import { eachEngine } from '../../../support/grpc-engines.ts';
import { floatRequest, PREDICTION, withGrpc } from '../../../support/grpc-harness.ts';
import { affine, type Behaviour, fail, type PuppetDirectory, signature, spec } from '../../../support/puppet-models.ts';
import { RestHarness } from '../../../support/rest-harness.ts';

const broken = fail(new ServingError('backend_failed', 'the graph threw'));
const away = fail(new ServingError('backend_unavailable', 'connection refused', { retryAfterMs: 700 }));
const busy = fail(new ServingError('overloaded', 'the queue is full', { retryAfterMs: 40 }));

const FALLBACK: ModelFallbacks = { fallback: { name: 'small' } };

const configured = new WeakMap<PuppetDirectory, Map<string, ModelFallbacks>>();

/** Who answers in place of the model. */
function standIn(directory: PuppetDirectory, model: string, fallbacks: ModelFallbacks): void {
  const all = configured.get(directory) ?? new Map<string, ModelFallbacks>();
  configured.set(directory, all.set(model, fallbacks));
  directory.fallbacks = new FallbackSearch(directory, (name) => all.get(name));
}

/** Model "m" that does this, and "small" that gives 10·x. */
function models(behave: Behaviour, fallbacks = FALLBACK) {
  return (directory: PuppetDirectory): void => {
    directory.add('m', { version: 2n, behave });
    directory.add('small', { version: 5n, behave: affine(10, 0) });
    standIn(directory, 'm', fallbacks);
  };
}

eachEngine('the fallback answers for a run that failed, and the answer says so', async () => {
  await withGrpc(models(broken), async (server) => {
    const request = floatRequest([1, 2]);
    const metadata = { 'x-request-id': 'mine' };
    const { answer, headers } = await server.callWithHeaders(PREDICTION, 'Predict', request, { metadata });
    assert.deepEqual(answer.outputs.y.float_val, [10, 20]);
    assert.equal(answer.model_spec.name, 'small');
    assert.equal(answer.model_spec.version.value, '5');
    assert.deepEqual(headers.get('x-inference-served-by'), ['small/5; reason=fallback']);
    assert.deepEqual(headers.get('x-request-id'), ['mine']);
    const { fallback, outcome, model, version } = await server.record(1);
    assert.deepEqual([outcome, model, version], ['ok', 'small', '5']);
    assert.equal(fallback?.asked, 'm');
    assert.equal(fallback?.reason, 'fallback');
  });
});

eachEngine('an answer of the model itself carries no such header', async () => {
  await withGrpc(models(affine(1, 1)), async (server) => {
    const { answer, headers } = await server.callWithHeaders(PREDICTION, 'Predict', floatRequest([1]));
    assert.equal(answer.model_spec.name, 'm');
    assert.deepEqual(headers.get('x-inference-served-by'), []);
  });
});

eachEngine('a request at fault, or too late, is nobody else’s', async () => {
  for (const kind of ['invalid_request', 'deadline_exceeded', 'too_large'] as const) {
    await withGrpc(models(fail(new ServingError(kind, 'yours'))), async (server) => {
      const error = await server.failure(PREDICTION, 'Predict', floatRequest([1]));
      assert.equal(error.details, 'yours');
    });
  }
});

eachEngine('what the model is too busy for goes to degrade_to, and only that', async () => {
  const degrade: ModelFallbacks = { degradeTo: { name: 'small', version: 5n } };
  await withGrpc(models(busy, degrade), async (server) => {
    const { answer, headers } = await server.callWithHeaders(PREDICTION, 'Predict', floatRequest([3]));
    assert.deepEqual(answer.outputs.y.float_val, [30]);
    assert.deepEqual(headers.get('x-inference-served-by'), ['small/5; reason=degraded']);
  });
  await withGrpc(models(broken, degrade), async (server) => {
    assert.equal((await server.failure(PREDICTION, 'Predict', floatRequest([3]))).details, 'the graph threw');
  });
  await withGrpc(models(busy), async (server) => {
    assert.equal((await server.failure(PREDICTION, 'Predict', floatRequest([3]))).details, 'the queue is full');
  });
});

eachEngine('a stand-in that is too busy names the next one', async () => {
  const setUp = (directory: PuppetDirectory): void => {
    directory.add('m', { behave: away });
    directory.add('b', { behave: busy });
    directory.add('c', { behave: affine(2, 0) });
    standIn(directory, 'm', { fallback: { name: 'b' } });
    standIn(directory, 'b', { degradeTo: { name: 'c' } });
  };
  await withGrpc(setUp, async (server) => {
    const { answer, headers } = await server.callWithHeaders(PREDICTION, 'Predict', floatRequest([3]));
    assert.deepEqual(answer.outputs.y.float_val, [6]);
    assert.deepEqual(headers.get('x-inference-served-by'), ['c/1; reason=degraded']);
    assert.equal((await server.record(1)).fallback?.asked, 'm');
  });
});

eachEngine('where nobody answers, the first error counts and says what came of the others', async () => {
  const setUp = (directory: PuppetDirectory): void => {
    directory.add('m', { behave: away });
    directory.add('b', { behave: broken });
    standIn(directory, 'm', { fallback: { name: 'b' } });
    standIn(directory, 'b', { fallback: { name: 'gone' } });
  };
  await withGrpc(setUp, async (server) => {
    const error = await server.failure(PREDICTION, 'Predict', floatRequest([3]));
    assert.equal(error.code, 14);
    assert.equal(
      error.details,
      'connection refused; nor did another answer in its place: "b": the graph threw; "gone": there is no model "gone"',
    );
    assert.deepEqual(error.metadata.get('grpc-retry-pushback-ms'), ['700']);
    const { model, fallback } = await server.record(1);
    assert.deepEqual([model, fallback], ['m', undefined]);
  });
});

eachEngine('a fallback that takes other inputs, or gives other outputs, is not asked', async () => {
  const cases = [
    [
      signature({ x: spec('int64', undefined) }, { y: spec('float32', undefined) }),
      /"small": input "x" is float32, but/,
    ],
    [
      signature({ x: spec('float32', undefined) }, { z: spec('float32', undefined) }),
      /"small": it does not give "y"; its/,
    ],
  ] as const;
  for (const [other, text] of cases) {
    const setUp = (directory: PuppetDirectory): void => {
      directory.add('m', { behave: broken });
      directory.add('small', { signatures: { serving_default: other } });
      standIn(directory, 'm', FALLBACK);
    };
    await withGrpc(setUp, async (server) => {
      const error = await server.failure(PREDICTION, 'Predict', floatRequest([3]));
      assert.equal(error.code, 13);
      assert.match(error.details, text);
    });
  }
});

eachEngine('the fallback answers for a model that is not there yet, and for a version that failed', async () => {
  const setUp = (directory: PuppetDirectory): void => {
    directory.add('m', { version: 3n, state: 'LOADING' });
    directory.add('small', { version: 5n, behave: affine(10, 0) });
    standIn(directory, 'm', FALLBACK);
  };
  await withGrpc(setUp, async (server) => {
    for (const version of [undefined, { value: '3' }]) {
      const request = floatRequest([1], version === undefined ? {} : { version });
      const { answer, headers } = await server.callWithHeaders(PREDICTION, 'Predict', request);
      assert.deepEqual(answer.outputs.y.float_val, [10]);
      assert.deepEqual(headers.get('x-inference-served-by'), ['small/5; reason=fallback']);
    }
    const never = await server.failure(PREDICTION, 'Predict', floatRequest([1], { version: { value: '9' } }));
    assert.equal(never.code, 5);
  });
});

eachEngine('another version of the same model may stand in, and is asked once', async () => {
  const setUp = (directory: PuppetDirectory): void => {
    directory.add('m', { version: 2n, behave: broken });
    directory.add('m', { version: 1n, behave: broken });
    standIn(directory, 'm', { fallback: { name: 'm', version: 1n } });
  };
  await withGrpc(setUp, async (server) => {
    const error = await server.failure(PREDICTION, 'Predict', floatRequest([3]));
    assert.equal(error.details, 'the graph threw; nor did another answer in its place: "m": the graph threw');
  });
});

eachEngine('Classify falls back too, and names who classified', async () => {
  const labels: Behaviour = () =>
    new Map([['classes', { dtype: 'string', shape: [1, 1], data: [new TextEncoder().encode('cat')] }]]);
  const classify = signature({ inputs: spec('string', [-1]) }, { classes: spec('string', [-1, 1]) });
  const setUp = (directory: PuppetDirectory): void => {
    directory.add('m', { behave: broken, signatures: { serving_default: classify } });
    directory.add('small', { version: 5n, behave: labels, signatures: { serving_default: classify } });
    standIn(directory, 'm', FALLBACK);
  };
  await withGrpc(setUp, async (server) => {
    const request = { model_spec: { name: 'm' }, input: { example_list: { examples: [{}] } } };
    const { answer, headers } = await server.callWithHeaders(PREDICTION, 'Classify', request);
    assert.equal(answer.model_spec.name, 'small');
    assert.equal(answer.result.classifications[0].classes[0].label, 'cat');
    assert.deepEqual(headers.get('x-inference-served-by'), ['small/5; reason=fallback']);
  });
});

test('REST says who answered, and only of answers', async () => {
  const rest = await new RestHarness().listen();
  try {
    models(broken)(rest.models);
    rest.models.add('n', { behave: broken });
    rest.models.add('léger', { behave: affine(1, 0) });
    standIn(rest.models, 'n', { fallback: { name: 'léger' } });
    const post = (name: string): Promise<Response> =>
      fetch(`${rest.url}/v1/models/${name}:predict`, { method: 'POST', body: '{"inputs":[1,2]}' });
    const answer = await post('m');
    assert.deepEqual(await answer.json(), { outputs: [10, 20] });
    assert.equal(answer.headers.get('x-inference-served-by'), 'small/5; reason=fallback');
    assert.equal(answer.headers.get('x-pillion-model-version'), '5');
    const accented = await post('n');
    assert.equal(accented.headers.get('x-inference-served-by'), 'l%C3%A9ger/1; reason=fallback');
    rest.models.fallbacks = undefined;
    const failed = await post('m');
    assert.equal(failed.status, 500);
    assert.equal(failed.headers.get('x-inference-served-by'), null);
  } finally {
    await rest.close();
  }
});

const PAIRS = signature({ x: spec('float32', [-1, 2], 'x:0') }, { y: spec('float32', [-1, 2], 'y:0') });
const ZERO = numericTensor('float32', [], new Float32Array(1));
const RAGGED: Signature = {
  ...signature({ x: spec('float32', [-1, -1], 'x:0') }, { y: spec('float32', [-1, -1], 'y:0') }),
  padding: { inputs: new Map([['x', { dims: [1], value: ZERO }]]), outputs: new Map([['y', [1]]]), most: Infinity },
};

test('the fallback answers all rows of a request whose rows differ in length', async () => {
  const rest = await new RestHarness().listen();
  try {
    const signatures = { serving_default: RAGGED };
    rest.models.add('m', { behave: broken, signatures });
    const runner = rest.models.add('small', { behave: affine(10, 0), signatures });
    rest.models.add('narrow', { behave: broken, signatures });
    rest.models.add('pairs', { behave: affine(1, 0), signatures: { serving_default: PAIRS } });
    standIn(rest.models, 'm', FALLBACK);
    standIn(rest.models, 'narrow', { fallback: { name: 'pairs' } });
    const post = (model: string): Promise<Response> => {
      const body = '{"instances":[[1,2],[3],[4,5]]}';
      return fetch(`${rest.url}/v1/models/${model}:predict`, { method: 'POST', body });
    };
    const answer = await post('m');
    assert.deepEqual(await answer.json(), { predictions: [[10, 20], [30], [40, 50]] });
    assert.equal(answer.headers.get('x-inference-served-by'), 'small/1; reason=fallback');
    assert.equal(runner.requests.length, 2);
    // It takes the rows of two alone, which is not what was asked.
    const { error } = (await (await post('narrow')).json()) as { error: string };
    assert.match(error, /the graph threw.*"pairs".*shape \[1,1\]/);
  } finally {
    await rest.close();
  }
});
