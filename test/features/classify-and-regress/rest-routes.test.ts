import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { examplesPart } from '../../../src/features/classify-and-regress/rest-part.ts';
import type { RestRoute } from '../../../src/proxy/servers/rest-part.ts';
import { RestRoutes } from '../../../src/proxy/servers/rest-routes.ts';

/** Nothing is answered here. */
const part = examplesPart({ resolver: undefined as never, codec: undefined as never, maxBytes: 0, thread: undefined });

function matchRoute(method: string, url: string): RestRoute {
  return new RestRoutes({ parts: [part], isFronting: false }).match(method, url);
}

function brief(method: string, url: string): unknown {
  const { kind, method: name, spec, error, allow } = matchRoute(method, url);
  if (error !== undefined) return allow === undefined ? error.kind : `${error.kind}; allow ${allow}`;
  const choice = spec.version === undefined ? spec.label : spec.version;
  return [kind, name, spec.name, ...(choice === undefined ? [] : [choice])];
}

describe('matchRoute', () => {
  const table: readonly [method: string, url: string, expected: unknown][] = [
    ['POST', '/v1/models/m:classify', ['classify', 'Classify', 'm']],
    ['POST', '/v1/models/m/labels/l:classify', ['classify', 'Classify', 'm', 'l']],
    ['POST', '/v1/models/m:CLASSIFY', 'route_not_found'],
    ['POST', '/v1/models/m/versions/2:regress', ['regress', 'Regress', 'm', 2n]],
    ['PUT', '/v1/models/m:classify', 'method_not_allowed; allow POST, OPTIONS'],
  ];
  for (const [method, url, expected] of table) {
    test(`${method} ${url}`, () => assert.deepEqual(brief(method, url), expected));
  }

  test('errors name the verbs', () => {
    assert.match(matchRoute('GET', '/x').error!.message, /\/labels\/<l>\]:predict, :classify and :regress$/);
  });
});
