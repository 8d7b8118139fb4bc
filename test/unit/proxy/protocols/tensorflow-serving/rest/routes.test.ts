import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RestRoute } from '../../../../../../src/proxy/servers/rest-part.ts';
import { RestRoutes } from '../../../../../../src/proxy/servers/rest-routes.ts';

function brief(method: string, url: string): unknown {
  const { kind, method: name, spec, error, allow } = matchRoute(method, url);
  if (error !== undefined) return allow === undefined ? error.kind : `${error.kind}; allow ${allow}`;
  const choice = spec.version === undefined ? spec.label : spec.version;
  return [kind, name, spec.name, ...(choice === undefined ? [] : [choice])];
}

function matchRoute(method: string, url: string, metricsPath?: string): RestRoute {
  return new RestRoutes({ parts: [], metricsPath, isFronting: false }).match(method, url);
}

describe('matchRoute', () => {
  const table: readonly [method: string, url: string, expected: unknown][] = [
    ['POST', '/v1/models/m:predict', ['predict', 'Predict', 'm']],
    ['POST', '/v1/models/m/versions/3:predict', ['predict', 'Predict', 'm', 3n]],
    ['POST', '/v1/models/m/versions/0:predict', ['predict', 'Predict', 'm', 0n]],
    ['POST', '/v1/models/m/versions/00017:predict', ['predict', 'Predict', 'm', 17n]],
    ['POST', '/v1/models/m/labels/canary:predict', ['predict', 'Predict', 'm', 'canary']],
    ['POST', '/v1/models/m:predict?timeout=5', ['predict', 'Predict', 'm']],
    ['POST', 'http://host:8501/v1/models/m:predict', ['predict', 'Predict', 'm']],
    ['POST', '/V1/Models/M/Versions/3:predict', ['predict', 'Predict', 'M', 3n]],
    ['POST', '/v1/models/a%2Fb%3Ac%20%C3%A9:predict', ['predict', 'Predict', 'a/b:c é']],
    ['POST', '/v1/models/m/labels/%41:predict', ['predict', 'Predict', 'm', 'A']],
    ['POST', '/v1/models/m/versions/9223372036854775807:predict', ['predict', 'Predict', 'm', 2n ** 63n - 1n]],
    ['POST', '/v1/models/m/versions/9223372036854775808:predict', 'invalid_request'],
    ['POST', '/v1/models/m/versions/-1:predict', 'route_not_found'],
    ['POST', '/v1/models/m/versions/x:predict', 'route_not_found'],
    ['POST', '/v1/models/m/versions/1/labels/a:predict', 'route_not_found'],
    ['POST', '/v1/models/m:PREDICT', 'route_not_found'],
    ['POST', '/v1/models/m:explain', 'route_not_found'],
    ['POST', '/v1/models/m:predict/', 'route_not_found'],
    ['POST', '/v1/models/:predict', 'route_not_found'],
    ['POST', '/v1/models/%zz:predict', 'invalid_request'],
    ['POST', '/v1/models/%ff:predict', 'invalid_request'],
    ['POST', '/v1/models/m:constructor', 'route_not_found'],
    ['GET', '/v1/models/m:predict', 'method_not_allowed; allow POST, OPTIONS'],
    ['GET', '/v1/models/m', ['status', 'GetModelStatus', 'm']],
    ['HEAD', '/v1/models/m/versions/2', ['status', 'GetModelStatus', 'm', 2n]],
    ['GET', '/v1/models/m/labels/stable', ['status', 'GetModelStatus', 'm', 'stable']],
    ['GET', '/v1/models/m/metadata', ['metadata', 'GetModelMetadata', 'm']],
    ['GET', '/v1/models/m/versions/2/metadata', ['metadata', 'GetModelMetadata', 'm', 2n]],
    ['GET', '/v1/models/m/labels/l/metadata', ['metadata', 'GetModelMetadata', 'm', 'l']],
    ['GET', '/v1/models/m/METADATA', ['status', 'GetModelStatus', 'm']],
    ['GET', '/v1/models/m/', 'route_not_found'],
    ['GET', '/v1/models', ['models', 'ListModels', '']],
    ['HEAD', '/V1/MODELS?x=1', ['models', 'ListModels', '']],
    ['POST', '/v1/models', 'method_not_allowed; allow GET, HEAD, OPTIONS'],
    ['GET', '/v1/models/', 'invalid_request'],
    ['POST', '/v1/models/m', 'method_not_allowed; allow GET, HEAD, OPTIONS'],
    ['DELETE', '/v1/models/m/metadata', 'method_not_allowed; allow GET, HEAD, OPTIONS'],
    ['GET', '/', 'route_not_found'],
    ['GET', '/v2/models/m', 'route_not_found'],
    ['GET', 'nonsense', 'route_not_found'],
    ['GET', '/monitoring/prometheus/metrics', ['metrics', 'unknown', '']],
    ['GET', '/monitoring/prometheus/metrics?x=1', ['metrics', 'unknown', '']],
    ['GET', '/monitoring/prometheus', 'route_not_found'],
    ['POST', '/monitoring/prometheus/metrics', 'method_not_allowed; allow GET, HEAD, OPTIONS'],
  ];
  for (const [method, url, expected] of table) {
    test(`${method} ${url}`, () => assert.deepEqual(brief(method, url), expected));
  }

  test('OPTIONS tells the methods of a path', () => {
    const allowed = (url: string): unknown => [matchRoute('OPTIONS', url).kind, matchRoute('OPTIONS', url).allow];
    assert.deepEqual(allowed('/v1/models/m:predict'), ['options', 'POST, OPTIONS']);
    assert.deepEqual(allowed('/v1/models/m'), ['options', 'GET, HEAD, OPTIONS']);
    assert.deepEqual(allowed('*'), ['options', 'GET, HEAD, POST, OPTIONS']);
    assert.equal(matchRoute('OPTIONS', '/nowhere').error?.kind, 'route_not_found');
  });

  test('errors name the path, and what is there', () => {
    const { error } = matchRoute('GET', `/x${'y'.repeat(5000)}`);
    assert.match(error!.message, /^no such path: "\/xy+…"; there are GET \/v1\/models, GET \/v1\/models\/<name>/);
    assert.ok(error!.message.length < 400);
  });
});

describe('the path of the metrics', () => {
  test('is where the configuration says, or nowhere', () => {
    const usual = '/monitoring/prometheus/metrics';
    assert.equal(matchRoute('GET', usual).kind, 'metrics');
    assert.equal(matchRoute('GET', '/metrics?x=1', '/metrics').kind, 'metrics');
    assert.equal(matchRoute('POST', '/metrics', '/metrics').error?.kind, 'method_not_allowed');
    assert.equal(matchRoute('GET', usual, '/metrics').error?.kind, 'route_not_found');
    for (const path of [usual, '/', '', '?']) assert.equal(matchRoute('GET', path, '').kind, 'error', path);
  });
});
