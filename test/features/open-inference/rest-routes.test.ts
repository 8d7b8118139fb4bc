import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { versionText } from '../../../src/features/open-inference/exported/model-reference.ts';
import { OPEN_INFERENCE } from '../../../src/features/open-inference/rest/operations.ts';
import { openInferenceRoutes } from '../../../src/features/open-inference/rest/routes.ts';
import { RestHarness } from '../../support/rest-harness.ts';

const match = openInferenceRoutes([]);

function brief(method: string, path: string): unknown {
  const route = match(method, path);
  if (route === undefined) return undefined;
  const { kind, method: name, spec, error, allow, region } = route;
  if (error !== undefined) return allow === undefined ? error.kind : `${error.kind}; allow ${allow}`;
  return [kind, name, spec.name, versionText(spec), ...(region === undefined ? [] : [region])];
}

const TABLE: readonly [method: string, path: string, expected: unknown][] = [
  ['GET', '/v2', ['v2-server', 'ServerMetadata', '', '']],
  ['HEAD', '/v2', ['v2-server', 'ServerMetadata', '', '']],
  ['GET', '/v2/', 'route_not_found'],
  ['GET', '/V2', undefined],
  ['GET', '/v20', undefined],
  ['GET', '/v1/models/m', undefined],
  ['GET', '/v2/health/live', ['v2-live', 'ServerLive', '', '']],
  ['GET', '/v2/health/Live', 'route_not_found'],
  ['POST', '/v2/models/m/infer', ['v2-infer', 'ModelInfer', 'm', '']],
  ['POST', '/v2/models/m/versions/3/infer', ['v2-infer', 'ModelInfer', 'm', '3']],
  ['POST', '/v2/models/m/versions/canary/infer', ['v2-infer', 'ModelInfer', 'm', 'canary']],
  ['POST', '/v2/models/a%2Fb%20%C3%A9/infer', ['v2-infer', 'ModelInfer', 'a/b é', '']],
  ['POST', '/v2/models/%zz/infer', 'invalid_request'],
  ['POST', '/v2/models/m/versions/9223372036854775808/infer', 'invalid_request'],
  ['POST', '/v2/models/m/versions//infer', 'route_not_found'],
  ['POST', '/v2/models//infer', 'route_not_found'],
  ['GET', '/v2/models/m/infer', 'method_not_allowed; allow POST, OPTIONS'],
  ['POST', '/v2/models/m/ready', 'method_not_allowed; allow GET, HEAD, OPTIONS'],
  ['GET', '/v2/models/m', ['v2-metadata', 'ModelMetadata', 'm', '']],
  ['GET', '/v2/models/stats', ['v2-all-stats', 'ModelStatistics', '', '']],
  ['GET', '/v2/models/stats/stats', ['v2-stats', 'ModelStatistics', 'stats', '']],
  ['GET', '/v2/models/m/versions/3/config', ['v2-config', 'ModelConfig', 'm', '3']],
  ['GET', '/v2/models/m/trace/setting', ['v2-trace', 'TraceSetting', 'm', '']],
  ['DELETE', '/v2/logging', 'method_not_allowed; allow GET, HEAD, POST, OPTIONS'],
  ['POST', '/v2/models/m/generate', 'route_not_found'],
];

for (const [method, path, expected] of TABLE) {
  test(`${method} ${path}`, () => assert.deepEqual(brief(method, path), expected));
}

/** A path of the template. */
function sampleOf(template: string): string {
  return template.replace('{version}', '3').replace(/\{\w+\}/g, 'a%20b');
}

test('models and versions of paths are decoded', () => {
  const { routes } = new RestHarness().server;
  for (const { http, paths } of OPEN_INFERENCE) {
    for (const path of paths.filter((each) => each.includes('{model}') && !each.includes('{repository}'))) {
      const { spec } = routes.match(http, sampleOf(path));
      assert.equal(spec.name, 'a b', path);
      assert.equal(spec.version, path.includes('{version}') ? 3n : undefined, path);
    }
  }
});

test('the paths of the Open Inference Protocol are in its documentation', () => {
  const text = readFileSync('src/features/open-inference/README.md', 'utf8');
  const missing = OPEN_INFERENCE.flatMap(({ paths }) => paths)
    .filter((path) => !path.includes('{version}') && !path.includes('{repository}') && !path.includes('sharedmemory'))
    .map((path) => path.replace('{model}', 'M'))
    .filter((path) => !text.includes(path));
  assert.deepEqual(missing, []);
});
