/** The cases of grpc_interop.py on Python's grpcio (gRPC's C core). */

import { ensurePython } from '../../../scripts/lib/setup.mjs';
import { runClient } from './run-client.mjs';

const PROGRAM = 'test/clients/grpc_interop.py';

export async function pythonClient() {
  const command = ensurePython('clients', 'test/clients/requirements.txt');
  const { output, problem } = await runClient(command, [PROGRAM, '--list']);
  if (problem !== undefined) throw new Error(`${PROGRAM} lists no cases: ${problem}`);
  return {
    language: 'python',
    cases: output.trim().split('\n'),
    command,
    args: ({ host, port }, name) => [PROGRAM, `${host}:${port}`, name],
  };
}
