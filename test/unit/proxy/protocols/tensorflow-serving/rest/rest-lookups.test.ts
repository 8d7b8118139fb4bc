import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../../../../src/core/errors.ts';
import { statusJson } from '../../../../../../src/proxy/protocols/tensorflow-serving/rest/rest-lookups.ts';

test('versions are strings, in the order given, each with its state and status', () => {
  const failed = new ServingError('load_failed', 'no such file');
  assert.deepEqual(
    JSON.parse(
      statusJson([
        { version: 2n ** 63n - 1n, state: 'END', error: failed },
        { version: 123n, state: 'AVAILABLE', error: undefined },
      ]),
    ),
    {
      model_version_status: [
        {
          version: '9223372036854775807',
          state: 'END',
          status: { error_code: 'FAILED_PRECONDITION', error_message: 'no such file' },
        },
        { version: '123', state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } },
      ],
    },
  );
});

test('a served version that lacks parts of its model is OK, with a message that names them', () => {
  const leftOut = ['output "a" is not served', 'output "b" is not served'];
  const [version] = JSON.parse(
    statusJson([{ version: 1n, state: 'AVAILABLE', error: undefined, leftOut }]),
  ).model_version_status;
  assert.deepEqual(version.status, {
    error_code: 'OK',
    error_message: 'output "a" is not served\noutput "b" is not served',
  });
});

test('the keys stand in the order of the messages', () => {
  assert.equal(
    statusJson([{ version: 1n, state: 'LOADING', error: undefined }]),
    '{"model_version_status":[{"version":"1","state":"LOADING","status":{"error_code":"OK","error_message":""}}]}',
  );
});
