import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ServingError } from '../../../src/core/errors.ts';
import { readReloadRequest } from '../../../src/features/reload/reload-codec.ts';

test('any bytes are read as a ReloadConfigRequest, or refused', () => {
  void fc.assert(
    fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => {
      try {
        readReloadRequest(bytes);
      } catch (error) {
        assert.ok(error instanceof ServingError && error.kind === 'invalid_request', `${error}`);
      }
    }),
  );
});
