import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { statsPage } from '../../../src/features/envoy-admin/stats-page.ts';

const METRICS = `# HELP a_total Things.
# TYPE a_total counter
a_total{model="x y",code="OK"} 3
a_total{model="z"} 4
# HELP b B.
# TYPE b gauge
b 0.5
c +Inf
`;

const ask = (query: string): ReturnType<typeof statsPage> => statsPage(METRICS, new URLSearchParams(query));

/** The text of an answer that was not refused. */
function textOf(query: string): string {
  const page = ask(query);
  assert.ok('contentType' in page, JSON.stringify(page));
  return page.text;
}

/** Why it was refused. */
function refusalOf(query: string): string {
  const page = ask(query);
  assert.ok('status' in page && page.status === 400, JSON.stringify(page));
  return page.text;
}

describe('stats', () => {
  it('are a line each, with their labels', () => {
    assert.equal(textOf(''), 'a_total{model="x y",code="OK"}: 3\na_total{model="z"}: 4\nb: 0.5\nc: +Inf\n');
    assert.equal(textOf('format=prometheus&filter=^b'), 'b 0.5\n');
  });

  it('are JSON as Envoy has it', () => {
    assert.deepEqual(JSON.parse(textOf('format=json&filter=z|^b')), {
      stats: [
        { name: 'a_total{model="z"}', value: 4 },
        { name: 'b', value: 0.5 },
      ],
    });
  });

  it('are those in whose names the pattern is found', () => {
    assert.equal(textOf('filter=model="x'), 'a_total{model="x y",code="OK"}: 3\n');
    assert.equal(textOf('filter=nothing'), '');
    assert.match(refusalOf('filter=('), /filter: Invalid regular expression/);
    assert.match(refusalOf(`filter=${'a'.repeat(513)}`), /at most 512/);
    assert.match(refusalOf('format=xml'), /text, json, prometheus/);
  });

  it('end a pattern that takes exponential time', () => {
    const slow = statsPage(`${'a'.repeat(60)}! 1\n`, new URLSearchParams({ filter: '(a+)+$' }));
    assert.ok('status' in slow);
    assert.match(slow.text, /more than 100 ms/);
  });
});
