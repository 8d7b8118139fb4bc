/** The description of REST against the routes of REST: neither has what the other does not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openApiText as textOf } from '../../../src/features/openapi/description.ts';
import { hasFeature } from '../../support/has-feature.ts';
import { describedServer } from './described-server.ts';

const METRICS = '/monitoring/prometheus/metrics';

interface Described {
  readonly operationId: string;
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly responses: Readonly<Record<string, object>>;
}

function openApiText(version: string, metricsPath: string): string {
  return textOf(describedServer({ metricsPath }).described, { version, metricsPath });
}

const { described, routes } = describedServer();
const operations = described.flatMap((each) => each.operations);
const document = JSON.parse(openApiText('1.2.3', METRICS)) as {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};
const methods = Object.entries(document.paths).flatMap(([path, byMethod]) =>
  Object.entries(byMethod).map(([method, row]) => ({ path, method: method.toUpperCase(), described: row })),
);

/** A path of the template. */
function sampleOf(template: string): string {
  return template.replace('{version}', '3').replace(/\{\w+\}/g, 'a%20b');
}

test('each row of the tables is the route of its paths, and of no other method', () => {
  for (const { kind, paths, http } of operations) {
    for (const path of paths) {
      assert.equal(routes.match(http, sampleOf(path)).kind, kind, `${http} ${path}`);
      assert.equal(routes.match('OPTIONS', sampleOf(path)).kind, 'options', path);
      assert.equal(routes.match('DELETE', sampleOf(path)).error?.kind, 'method_not_allowed', path);
    }
  }
});

test('every method of a path is described once, and reached', () => {
  const expected = operations.flatMap(({ http, paths }) => paths.map((path) => `${http} ${path}`));
  assert.deepEqual(methods.map(({ method, path }) => `${method} ${path}`).sort(), [...expected].sort());
  for (const { method, path } of methods) assert.equal(routes.match(method, sampleOf(path)).error, undefined);
});

test('operations have names of their own, and the parameters of their path', () => {
  const ids = methods.map(({ described }) => described.operationId);
  assert.equal(new Set(ids).size, ids.length, ids.join(' '));
  for (const { path, described } of methods) {
    const names = (described.parameters ?? []).filter((each) => each.in === 'path').map(({ name }) => `{${name}}`);
    assert.deepEqual(names, path.match(/\{\w+\}/g) ?? [], path);
  }
});

test('references lead somewhere', () => {
  const { schemas } = document.components;
  const names = [...openApiText('1', METRICS).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name!);
  assert.ok(names.length > 20);
  for (const name of names) assert.ok(name in schemas, name);
  const used = new Set(names);
  assert.deepEqual(
    Object.keys(schemas).filter((name) => !used.has(name)),
    [],
  );
});

test('what each request may get is there; what no key and no queue stands before has nothing of it', () => {
  const statusesOf = (path: string, method: string): string =>
    Object.keys(document.paths[path]![method]!.responses).join(' ');
  if (hasFeature('open-inference')) {
    assert.equal(statusesOf('/v2/models/{model}', 'get'), '200 400 401 403 404 429 500 503 504');
    assert.equal(statusesOf('/v2/models/{model}/infer', 'post'), '200 400 401 403 404 408 413 429 500 501 503 504');
    assert.equal(statusesOf('/v2/models/{model}/ready', 'get'), '200 400 401 403 404 429 500 503 504');
    assert.equal(statusesOf('/v2/health/live', 'get'), '200');
    assert.equal(statusesOf('/v2/health/ready', 'get'), '200 400');
  }
  assert.equal(statusesOf('/openapi.json', 'get'), '200');
});

test('without metrics none are described', () => {
  assert.doesNotMatch(openApiText('1', ''), /monitoring/);
  assert.match(openApiText('1', '/m'), /"\/m": /);
});

test('the description has the paths as they are asked for', () => {
  const { paths } = JSON.parse(textOf(described, { version: '1', prefix: '/pillion' })) as {
    paths: Record<string, object>;
  };
  const plain = JSON.parse(textOf(described, { version: '1' })) as { paths: Record<string, object> };
  const expected = Object.keys(plain.paths).map((path) => (path === METRICS ? path : `/pillion${path}`));
  assert.deepEqual(Object.keys(paths), expected);
  assert.deepEqual(paths['/pillion/v1/models'], plain.paths['/v1/models']);
});
