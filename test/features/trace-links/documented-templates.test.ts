/** The templates of docs/reference/observability.md: each is taken, and its URL says what the tool reads there. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { readTraceUrl } from '../../../src/features/trace-links/trace-url.ts';

const IDS = { traceId: '640cfd8d00000000abcdefab12345678', spanId: '00f067aa0ba902b7' };

/** The URL of the table's row that begins with a tool's name. */
function urlFor(tool: string): URL {
  const page = readFileSync('docs/reference/observability.md', 'utf8');
  const row = page.split('\n').find((line) => line.startsWith(`| ${tool}`) && line.includes('{trace_id'));
  const template = /`(https?:[^`]+)`/.exec(row ?? '')?.[1] ?? '';
  const urlOf = readTraceUrl(template);
  assert.ok(typeof urlOf === 'function', `${tool}: ${String(urlOf)}`);
  return new URL(urlOf(IDS));
}

describe('the template for', () => {
  it('Grafana opens one pane of Explore, whose query is the trace’s id', () => {
    const url = urlFor('Tempo in Grafana');
    assert.equal(url.pathname, '/explore');
    assert.equal(url.searchParams.get('schemaVersion'), '1');
    const panes = JSON.parse(url.searchParams.get('panes')!) as Record<string, unknown>;
    assert.deepEqual(Object.values(panes), [
      { datasource: 'tempo', queries: [{ refId: 'A', queryType: 'traceql', query: IDS.traceId }] },
    ]);
  });

  it('Datadog has the lower 64 bits as a number', () => {
    assert.equal(urlFor('Datadog').pathname, `/apm/trace/${0xabcdefab12345678n}`);
  });

  it('Jaeger shows the span within the trace', () => {
    const url = urlFor('Jaeger');
    assert.equal(url.pathname, `/trace/${IDS.traceId}`);
    assert.equal(url.searchParams.get('uiFind'), IDS.spanId);
  });

  it('Zipkin has the trace', () => assert.equal(urlFor('Zipkin').pathname, `/zipkin/traces/${IDS.traceId}`));
});
