/** The servers that are attacked: Pillion as it is delivered, and node's own HTTP, which does nothing but answer. */

import type { Target } from '../../test/attacks/attack-list.ts';
import { writeLargeModels } from '../../test/attacks/large/large-models.ts';
import { FREE_PORTS } from '../support/launcher.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';

const OWN_MODELS = [
  '--model=digits=examples/digits/models/digits',
  '--model=half=examples/half_plus_two/models/half_plus_two',
];

export interface Contestant {
  readonly server: ServerProcess;
  readonly target: Target;
}

/** `models`: where those of large bodies are written. */
export async function startPillion(models: string): Promise<Contestant> {
  const server = await startServer({
    name: 'Pillion',
    program: 'bin/pillion',
    args: ['serve', ...FREE_PORTS, ...OWN_MODELS, ...writeLargeModels(models)],
    isReady: (line) => line['event'] === 'ready',
  });
  const [grpc] = server.ready['grpc'] as string[];
  const [rest] = server.ready['rest'] as string[];
  return { server, target: { grpc: grpc!, rest: rest! } };
}

/**
 * node:http2 for gRPC, node:http for REST, with their defaults: bodies are read whole, and the answer is always the
 * same.
 */
export async function startNode(): Promise<Contestant> {
  const args = ['build/bench/attacks/node-server.js'];
  const server = await startServer({ name: 'node', args, isReady: (line) => line['grpc'] !== undefined });
  const { grpc, rest } = server.ready as { grpc: number; rest: number };
  return { server, target: { grpc: `127.0.0.1:${grpc}`, rest: `127.0.0.1:${rest}` } };
}
