/** One port for gRPC and REST. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPortJoined, isSocketJoined } from '../../../src/config/joined-port.ts';
import { ConfigFiles, readConfig } from '../../support/config-files.ts';
import { selfSigned } from '../../support/self-signed.ts';

const MODEL = '--model_base_path=/models/m';
const joined = (...args: readonly string[]): readonly boolean[] => {
  const { options } = readConfig([MODEL, ...args]).config!;
  return [isPortJoined(options), isSocketJoined(options)];
};

test('the port is joined where both options name the same, and two free ports are two', () => {
  assert.deepEqual(joined(), [false, false]);
  assert.deepEqual(joined('--port=8501'), [true, false]);
  assert.deepEqual(joined('--port=9', '--rest_api_port=9'), [true, false]);
  assert.deepEqual(joined('--port=0', '--rest_api_port=0'), [false, false]);
  assert.deepEqual(joined('--grpc_socket_path=/a', '--rest_socket_path=/a'), [false, true]);
  assert.deepEqual(joined('--grpc_socket_path=/a', '--rest_socket_path=/b'), [false, false]);
});

test('a joined port has TLS for both protocols, or for none', (t) => {
  const files = new ConfigFiles(t);
  const { key, cert } = selfSigned();
  const tls = [`--tls_cert_file=${files.write('c', cert)}`, `--tls_key_file=${files.write('k', key)}`];
  const errorsOf = (...args: readonly string[]) => readConfig([MODEL, ...tls, ...args]).errors;
  assert.equal(errorsOf('--port=8501'), undefined);
  assert.equal(errorsOf('--rest_api_tls=false'), undefined);
  const errors = errorsOf('--port=8501', '--rest_api_tls=false')!;
  assert.equal(errors.length, 1);
  assert.match(errors[0]!, /both 8501.*REST has none; give --rest_api_tls too, or two ports$/);
});
