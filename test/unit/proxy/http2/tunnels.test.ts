/** CONNECT with a protocol (RFC 8441): where it is announced, and when it is malformed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderField } from '../../../../src/proxy/http2/hpack/header-field.ts';
import { DEFAULT_HTTP2_OPTIONS } from '../../../../src/proxy/http2/options.ts';
import { settingsPayload } from '../../../../src/proxy/http2/settings.ts';
import { readRequestHeaders } from '../../../../src/proxy/http2/streams/request-headers.ts';

const TUNNEL = {
  ...{ ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/chat', ':authority': 'a' },
};

function read(fields: Readonly<Record<string, string>>, takesTunnels = true) {
  return readRequestHeaders(
    Object.entries(fields).map(([name, value]) => new HeaderField(name, value)),
    takesTunnels,
  );
}

test('it is announced only where it is taken', () => {
  const announced = (takesTunnels: boolean): boolean => {
    const payload = settingsPayload({ ...DEFAULT_HTTP2_OPTIONS, takesTunnels });
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) === 8) return payload.readUInt32BE(at + 2) === 1;
    }
    return false;
  };
  assert.deepEqual([announced(true), announced(false)], [true, false]);
});

test('it has a scheme, a path and an authority, as other requests', () => {
  const headers = read(TUNNEL)!;
  assert.deepEqual([headers.protocol, headers.path, headers.authority], ['websocket', '/chat', 'a']);
  for (const missing of [':scheme', ':path', ':authority']) {
    const { [missing]: _, ...rest } = TUNNEL as Record<string, string>;
    assert.equal(read(rest), undefined, missing);
  }
});

test('a protocol without CONNECT is malformed, and one where it was not announced', () => {
  assert.equal(read({ ...TUNNEL, ':method': 'GET' }), undefined);
  assert.equal(read({ ...TUNNEL, ':protocol': 'two words' }), undefined);
  assert.equal(read(TUNNEL, false), undefined);
  assert.equal(read({ ':method': 'CONNECT', ':authority': 'a:1' }, false)?.protocol, undefined);
});
