/** The paths of inference below a prefix. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { failure, NO_MODEL, route } from '../../../../src/proxy/protocols/rest/route.ts';
import { restMatcher } from '../../../../src/proxy/servers/prefixed-routes.ts';
import type { RestPart } from '../../../../src/proxy/servers/rest-part.ts';
import type { RestMatcher } from '../../../../src/proxy/servers/rest-routes.ts';

const METRICS = '/monitoring/prometheus/metrics';
const PREDICT = '/v1/models/m:predict';
const INFER = '/v2/models/m/infer';

/** A protocol below /v2, as the Open Inference Protocol is, and a page beside it. */
const V2 = part('/v2', { '/v2': 'v2-server', [INFER]: 'v2-infer', '/v2/health/ready': 'v2-ready' });
const PARTS = [V2, part(undefined, { '/openapi.json': 'openapi' })];

function part(root: string | undefined, kinds: Readonly<Record<string, string>>): RestPart {
  const paths = Object.keys(kinds);
  return {
    ...(root !== undefined && { root }),
    operations: [{ kind: '', method: '', http: 'GET', paths, summary: '', errors: [] }],
    schemas: {},
    plainKinds: new Set(['v2-infer']),
    match: (_method, path) => {
      const kind = kinds[path];
      if (kind !== undefined) return route(kind, 'unknown', NO_MODEL);
      if (root === undefined || !path.startsWith(root)) return undefined;
      return failure(new ServingError('route_not_found', `no such path: "${path}"; there are others`));
    },
    methodOf: () => undefined,
  };
}

function matcher(prefix: string, isFronting: boolean): RestMatcher {
  return restMatcher(prefix, { parts: PARTS, isFronting });
}

const fronting = matcher('/pillion', true);
const alone = matcher('/pillion', false);

test('what is below the prefix is as without it', () => {
  for (const each of [fronting, alone]) {
    const kind = (method: string, url: string): string => each.match(method, url).kind;
    assert.equal(kind('POST', `/pillion${PREDICT}`), 'predict');
    assert.equal(kind('POST', `http://host/pillion${PREDICT}?a=/b`), 'predict');
    assert.equal(kind('GET', '/pillion/v1/models'), 'models');
    assert.equal(kind('POST', `/pillion${INFER}`), 'v2-infer');
    assert.equal(kind('GET', '/pillion/v2/health/ready'), 'v2-ready');
    assert.equal(kind('GET', '/pillion/openapi.json'), 'openapi');
    assert.equal(kind('OPTIONS', `/pillion${PREDICT}`), 'options');
    assert.equal(kind('GET', METRICS), 'metrics');
    assert.equal(kind('OPTIONS', '*'), 'options');
    assert.deepEqual(each.match('POST', '/pillion/v1/models/a%2Fb:predict').spec, { name: 'a/b' });
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
    assert.equal(fronting.plain('POST', url), undefined);
  }
});

test('the plain lane has the same routes', () => {
  for (const each of [fronting, alone]) {
    assert.equal(each.plain('POST', `/pillion${PREDICT}`)?.kind, 'predict');
    assert.equal(each.plain('POST', `/pillion${INFER}`)?.kind, 'v2-infer');
    assert.equal(each.plain('GET', '/pillion/v1/models'), undefined);
    assert.equal(each.plain('GET', `/pillion${INFER}`), undefined);
  }
  const without = matcher('', true);
  assert.equal(without.plain('POST', PREDICT)?.kind, 'predict');
  assert.equal(without.match('POST', `/pillion${PREDICT}`).kind, 'app');
});

test('the plain lane has what no route takes, but for paths that come and go', () => {
  const none = matcher('', false);
  const kinds = (method: string, path: string) => [none, alone].map((each) => each.plain(method, path)?.error?.kind);
  assert.deepEqual(kinds('POST', '/nothing'), ['route_not_found', 'route_not_found']);
  assert.equal(none.plain('GET', PREDICT)?.error?.kind, 'method_not_allowed');
  assert.equal(alone.plain('GET', `/pillion${PREDICT}`)?.error?.kind, 'method_not_allowed');
  const coming = { ...part(undefined, { '/embed': '' }), match: () => undefined };
  const without = restMatcher('', { parts: [coming], isFronting: false });
  assert.equal(without.match('POST', '/embed?a').error?.kind, 'route_not_found');
  assert.equal(without.plain('POST', '/embed?a'), undefined);
  assert.equal(without.plain('POST', '/embeds')?.error?.kind, 'route_not_found');
  const below = restMatcher('/pillion', { parts: [coming], isFronting: false });
  assert.equal(below.match('POST', '/pillion/embed').error?.kind, 'route_not_found');
  assert.equal(below.plain('POST', '/pillion/embed'), undefined);
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
