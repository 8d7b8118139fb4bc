/** Templates of URLs, and the URLs that are made of them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readTraceUrl } from '../../../src/features/trace-links/trace-url.ts';

const IDS = { traceId: '640cfd8d00000000abcdefab12345678', spanId: '00f067aa0ba902b7' };

describe('a template', () => {
  const urls: readonly (readonly [template: string, url: string])[] = [
    ['http://jaeger:16686/trace/{trace_id}', `http://jaeger:16686/trace/${IDS.traceId}`],
    [
      'https://grafana.example/explore?panes=%7B%22a%22:%7B%22query%22:%22{trace_id}%22%7D%7D&orgId=1',
      `https://grafana.example/explore?panes=%7B%22a%22:%7B%22query%22:%22${IDS.traceId}%22%7D%7D&orgId=1`,
    ],
    [
      'https://app.datadoghq.com/apm/trace/{trace_id_low64_decimal}?spanID={span_id_decimal}',
      `https://app.datadoghq.com/apm/trace/${0xabcdefab12345678n}?spanID=${0x00f067aa0ba902b7n}`,
    ],
    [
      'HTTP://[::1]:80?t={trace_id}#{span_id}-{trace_id}',
      `HTTP://[::1]:80?t=${IDS.traceId}#${IDS.spanId}-${IDS.traceId}`,
    ],
  ];
  for (const [template, url] of urls) {
    test(template, () => {
      const urlOf = readTraceUrl(template);
      assert.ok(typeof urlOf === 'function', String(urlOf));
      assert.equal(urlOf(IDS), url);
    });
  }
});

describe('no template', () => {
  const refused: readonly (readonly [template: string, problem: RegExp])[] = [
    ['jaeger/{trace_id}', /must begin with http/],
    ['javascript:alert("{trace_id}")', /must begin with http/],
    ['file:///{trace_id}', /must begin with http/],
    ['http://jaeger/trace', /must have \{trace_id\} or \{trace_id_low64_decimal\}/],
    ['http://jaeger/{span_id}', /must have/],
    ['http://jaeger/{traceId}', /\{traceId\} is not known; known are \{trace_id\}, /],
    ['http://jaeger/{toString}/{trace_id}', /\{toString\} is not known/],
    ['http://jaeger/{}{trace_id}', /\{\} is not known/],
    ['http://jaeger/{a{trace_id}', /%7B/],
    ['http://jaeger/{trace_id}}', /%7B/],
    ['http://{trace_id}/', /host must be the same/],
    ['http://{trace_id}.jaeger/', /host must be the same/],
    ['http://jaeger{trace_id}', /host must be the same/],
    ['http://jaeger:{trace_id}/', /no URL|host must be the same/],
    ['http://me:secret@jaeger/{trace_id}', /user or a password/],
    ['http:///{trace_id}', /host must be the same|no URL/],
    ['http://jaeger/ {trace_id}', /printable ASCII/],
    ['http://jaeger/"{trace_id}', /printable ASCII/],
    ['http://jaeger/{trace_id}\nx', /printable ASCII/],
    ['http://jägers/{trace_id}', /printable ASCII/],
    [`http://jaeger/{trace_id}${'a'.repeat(2048)}`, /longer than 2048/],
  ];
  for (const [template, problem] of refused) {
    test(template.slice(0, 60), () => {
      const said = readTraceUrl(template);
      assert.ok(typeof said === 'string');
      assert.match(said, problem);
    });
  }
});
