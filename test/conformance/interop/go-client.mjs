/** gRPC-Go's own interop client. */
import { ensureGoProgram } from '../../../scripts/lib/go-program.mjs';

/** All that it has but those that need TLS, accounts of a cloud, or several servers. */
const CASES = [
  'empty_unary',
  'large_unary',
  'client_streaming',
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
];

export function goClient() {
  const command = ensureGoProgram({
    name: 'grpc-interop-client',
    directory: 'test/conformance/grpc-interop',
    main: 'google.golang.org/grpc/interop/client',
    megabytes: 40,
  });
  if (command === undefined) return undefined;
  return {
    language: 'go',
    cases: CASES,
    command,
    args: ({ host, port }, name) => [`--server_host=${host}`, `--server_port=${port}`, `--test_case=${name}`],
  };
}
