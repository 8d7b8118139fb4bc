/** grpc-java's own interop client, on Netty. */
import { join } from 'node:path';
import { ensureJavaJars } from '../../../scripts/lib/java-jars.mjs';

/**
 * All that it has but those that need TLS, accounts of a cloud or load reports, and those that want the method to know
 * or decide what is compressed, message by message: here the engine does that alone (a gzip answer is what
 * server_compressed_unary gets of ours).
 */
const CASES = [
  'empty_unary',
  'large_unary',
  'very_large_request',
  'client_compressed_unary_noprobe',
  'server_compressed_unary',
  'client_streaming',
  'client_compressed_streaming_noprobe',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'status_code_and_message',
  'special_status_message',
  'custom_metadata',
  'unimplemented_method',
  'unimplemented_service',
  'pick_first_unary',
  'rpc_soak',
  'channel_soak',
];

/**
 * Of rpc_soak and channel_soak. By default each of 10 calls may take a second, and the first one, which loads the JVM's
 * classes, takes longer on a busy machine, whatever the server. So ten times the calls, and a bound of all together.
 */
const SOAK = [
  '--soak_iterations=100',
  '--soak_overall_timeout_seconds=50',
  '--soak_per_iteration_max_acceptable_latency_ms=20000',
];

export function javaClient() {
  const jars = ensureJavaJars({
    name: 'grpc-interop-java',
    directory: 'test/conformance/grpc-interop-java',
    megabytes: 45,
  });
  if (jars === undefined) return undefined;
  return {
    language: 'java',
    cases: CASES,
    command: 'java',
    args: ({ host, port }, name) => [
      '-cp',
      join(jars, '*'),
      'io.grpc.testing.integration.TestServiceClient',
      '--use_tls=false',
      `--server_host=${host}`,
      `--server_port=${port}`,
      `--test_case=${name}`,
      ...SOAK,
    ],
  };
}
