/** What is said of --http2_engine=grpc-js beside other options. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../../support/config-files.ts';
import { hasFeature } from '../../support/has-feature.ts';

const MODEL = '--model_base_path=/models/m';

const skip = !hasFeature('fronting');
test('the other engine takes no requests for it, and that is said', { skip }, () => {
  const { config } = readConfig([MODEL, '--app=h2c://127.0.0.1:8080', '--http2_engine=grpc-js']);
  assert.match(config!.warnings.join(), /--http2_engine=grpc-js passes nothing on to the application/);
});
