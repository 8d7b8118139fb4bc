/** A checkout of the repository whose product is built, this one or another commit's. */
import { join } from 'node:path';
import { FREE_PORTS } from './launcher.ts';
import type { ServerCommand } from './server-process.ts';

export interface Checkout {
  /** The name in tables. */
  readonly name: string;
  readonly directory: string;
}

/** Its server, as its own bin/pillion starts it: each commit has its own flags of node's. Ports are free ones. */
export function serveCommand({ name, directory }: Checkout, args: readonly string[]): ServerCommand {
  return {
    name,
    program: join(directory, 'bin', 'pillion'),
    args: ['serve', ...FREE_PORTS, ...args],
    isReady: (line) => line['event'] === 'ready',
  };
}
