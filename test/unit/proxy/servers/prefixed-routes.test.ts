/** The paths of inference below a prefix. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restMatcher } from '../../../../src/proxy/servers/prefixed-routes.ts';
import { openApiText } from '../../../../src/proxy/servers/rest-description.ts';

const METRICS = '/monitoring/prometheus/metrics';
const PREDICT = '/v1/models/m:predict';
const INFER = '/v2/models/m/infer';

const fronting = restMatcher({ prefix: '/pillion', metricsPath: undefined, isFronting: true });
const alone = restMatcher({ prefix: '/pillion', metricsPath: undefined, isFronting: false });

test('what is below the prefix is as without it', () => {
  for (const matcher of [fronting, alone]) {
    const kind = (method: string, url: string): string => matcher.match(method, url).kind;
    assert.equal(kind('POST', `/pillion${PREDICT}`), 'predict');
    assert.equal(kind('POST', `http://host/pillion${PREDICT}?a=/b`), 'predict');
    assert.equal(kind('GET', '/pillion/v1/models'), 'models');
    assert.equal(kind('POST', `/pillion${INFER}`), 'v2-infer');
    assert.equal(kind('GET', '/pillion/v2/health/ready'), 'v2-ready');
    assert.equal(kind('GET', '/pillion/openapi.json'), 'openapi');
    assert.equal(kind('OPTIONS', `/pillion${PREDICT}`), 'options');
    assert.equal(kind('GET', METRICS), 'metrics');
    assert.equal(kind('OPTIONS', '*'), 'options');
    assert.deepEqual(matcher.match('POST', '/pillion/v1/models/a%2Fb:predict').spec, { name: 'a/b' });
  }
});

test('all else is the application’s, or nothing', () => {
  const others = [
    ...[PREDICT, INFER, '/v2', '/openapi.json', '/', '/pillion', '/pillion/', '/pillionv1/models', '/Pillion/v2'],
    ...[`/pillion${METRICS}`, '/pillion/v3', '/pillion/pillion/v2', `/x/pillion${PREDICT}`],
  ];
  for (const url of others) {
    assert.equal(fronting.match('POST', url).kind, 'app', url);
    const { kind, error } = alone.match('POST', url);
    assert.deepEqual([kind, error?.kind], ['error', 'route_not_found'], url);
    assert.match(
      error!.message,
      /; models are at \/pillion\/v1\/models and \/pillion\/v2, as --inference_path_prefix says$/,
    );
    assert.equal(fronting.plain(url), undefined);
    assert.equal(alone.plain(url), undefined);
  }
});

test('the plain lane has the same routes', () => {
  for (const matcher of [fronting, alone]) {
    assert.equal(matcher.plain(`/pillion${PREDICT}`)?.kind, 'predict');
    assert.equal(matcher.plain(`/pillion${INFER}`)?.kind, 'v2-infer');
    assert.equal(matcher.plain('/pillion/v1/models'), undefined);
  }
  const without = restMatcher({ prefix: '', metricsPath: undefined, isFronting: true });
  assert.equal(without.plain(PREDICT)?.kind, 'predict');
  assert.equal(without.match('POST', `/pillion${PREDICT}`).kind, 'app');
});

test('errors name the path that was asked for, and where the others are', () => {
  const text = (method: string, url: string): string => alone.match(method, url).error!.message;
  assert.match(
    text('GET', '/pillion/v2/none'),
    /^no such path: "\/pillion\/v2\/none"; .*; all of them below \/pillion$/,
  );
  assert.match(text('GET', '/pillion/v1/models/m:explain'), /"\/pillion\/v1\/models\/m:explain"; .*below \/pillion$/);
  assert.match(
    text('GET', `/pillion${PREDICT}`),
    /^GET is not possible on "\/pillion\/v1\/models\/m:predict"; use POST$/,
  );
  assert.equal(alone.match('GET', `/pillion${PREDICT}`).allow, 'POST, OPTIONS');
});

test('the description has the paths as they are asked for', () => {
  const { paths } = JSON.parse(openApiText('1', METRICS, '/pillion')) as { paths: Record<string, object> };
  const plain = JSON.parse(openApiText('1', METRICS)) as { paths: Record<string, object> };
  const expected = Object.keys(plain.paths).map((path) => (path === METRICS ? path : `/pillion${path}`));
  assert.deepEqual(Object.keys(paths), expected);
  assert.deepEqual(paths[`/pillion/v2`], plain.paths['/v2']);
});
