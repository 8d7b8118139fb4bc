/** What clients are told when the application does not answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerTimeout, appFailure, connectTimeout } from '../../../../src/proxy/fronting/app/app-errors.ts';

const APP = 'http://127.0.0.1:8080';

const fault = (code: string): NodeJS.ErrnoException => Object.assign(new Error('fault'), { code });

test('without a connection: 503, to be tried again, and what is wrong', () => {
  const texts = {
    ECONNREFUSED:
      /^nothing listens at http:\/\/127\.0\.0\.1:8080: the application is not running, .* --app \(ECONNREFUSED\)$/,
    ENOENT: /^there is no socket file at .*\(ENOENT\)$/,
    EACCES: /^this server may not open .*permissions.*\(EACCES\)$/,
    EAGAIN: /hangs or is overloaded \(EAGAIN\)$/,
    EMFILE: /^this server has no file descriptors left .*ulimit -n.*\(EMFILE\)$/,
    ENOTFOUND: /the name in --app \(ENOTFOUND\)$/,
  };
  for (const [code, text] of Object.entries(texts)) {
    const error = appFailure(APP, fault(code));
    assert.deepEqual([error.row.http, error.retryAfterMs], [503, 1000], code);
    assert.match(error.message, text);
  }
  assert.equal(connectTimeout(APP, 5000).row.http, 503);
});

test('with a connection: 502, and no word on trying again, as it may have done something', () => {
  for (const [code, text] of [
    ['ECONNRESET', /closed the connection before it had answered: it has crashed, .*\(ECONNRESET\)$/],
    ['HPE_INVALID_CONSTANT', /is not HTTP\/1\.1 \(HPE_INVALID_CONSTANT\); does it speak TLS or HTTP\/2 alone\?$/],
    ['ESOMETHING', /failed \(ESOMETHING\)$/],
  ] as const) {
    const error = appFailure(APP, fault(code));
    assert.deepEqual([error.row.http, error.retryAfterMs], [502, undefined], code);
    assert.match(error.message, text);
  }
  // A failure without a code of the system.
  assert.match(appFailure(APP, new Error('toString')).message, /failed \(toString\)$/);
});

test('a deadline that has passed is 504', () => {
  const { row, message } = answerTimeout(APP, 49.6);
  assert.equal(row.http, 504);
  assert.match(message, /has not answered within the request's deadline of 50 ms: it is slow or hangs, or/);
});
