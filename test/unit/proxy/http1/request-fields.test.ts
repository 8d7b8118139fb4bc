import assert from 'node:assert/strict';
import { test } from 'node:test';
import { protobufTypeOf } from '../../../../src/proxy/http1/request-fields.ts';

test('three media types are protobuf, in any case and with parameters; all others are JSON', () => {
  assert.equal(protobufTypeOf('application/x-protobuf'), 'application/x-protobuf');
  assert.equal(protobufTypeOf('Application/Protobuf'), 'application/protobuf');
  assert.equal(
    protobufTypeOf('application/vnd.google.protobuf ; proto=tensorflow.serving.PredictRequest'),
    'application/vnd.google.protobuf',
  );
  for (const other of [
    undefined,
    '',
    'application/json',
    'text/x-protobuf',
    'application/x-protobuf2',
    ';',
    'multipart/x',
  ]) {
    assert.equal(protobufTypeOf(other), undefined, other);
  }
});
