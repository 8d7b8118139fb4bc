import assert from 'node:assert/strict';
import { ServingError } from '../../../src/core/errors.ts';
import { callerTrace, parseGrpcTraceBin } from '../../../src/ledger/tracing/propagation.ts';
import { callerAt, callerInHeader } from '../../../src/proxy/caller.ts';
import { parseGrpcTimeout } from '../../../src/proxy/grpc-timeout.ts';
import { parseContentEncoding } from '../../../src/proxy/http1/coding/content-coding.ts';
import { clientTimeout } from '../../../src/proxy/http1/deadline-headers.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

const TIMEOUTS = [
  'grpc-timeout',
  'x-envoy-expected-rq-timeout-ms',
  'x-request-timeout-ms',
  'x-envoy-upstream-rq-timeout-ms',
];
/** What could split a header. */
const LINE_BREAK = /[\r\n]/;

function isTimeout(value: unknown): boolean {
  return value === undefined || value instanceof ServingError || (typeof value === 'number' && value >= 0);
}

export const target: FuzzTarget = {
  says: 'values of headers: timeouts, trace contexts, codings, callers',
  maxBytes: 600,
  words: [
    '00-',
    '-01',
    '0123456789abcdef0123456789abcdef',
    '0123456789abcdef',
    'a=b',
    ',',
    'S',
    '99999999H',
    'gzip',
    'fe80::1',
    '::ffff:1.2.3.4',
  ],
  seeds: ['00-0123456789abcdef0123456789abcdef-0123456789abcdef-01', 'a=b,c@d=e', '100m', 'gzip, br', '2001:db8::1'],
  run(bytes) {
    const text = bytes.toString('latin1');
    assert.ok(isTimeout(parseGrpcTimeout(text)));
    for (const name of TIMEOUTS) assert.ok(isTimeout(clientTimeout({ [name]: text })), name);
    const parent = '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01';
    for (const trace of [
      callerTrace(text, undefined, undefined),
      callerTrace(parent, text, undefined, text),
      parseGrpcTraceBin(bytes),
    ]) {
      if (trace === undefined) continue;
      assert.match(trace.traceId, /^[0-9a-f]{32}$/);
      assert.match(trace.spanId, /^[0-9a-f]{16}$/);
      // It is passed on in headers.
      assert.doesNotMatch(trace.traceState ?? '', LINE_BREAK);
      assert.doesNotMatch(trace.baggage ?? '', LINE_BREAK);
    }
    parseContentEncoding(text);
    assert.ok(callerAt(text, 1).length < 200);
    assert.ok((callerInHeader(text) ?? '').length < 200);
  },
};
