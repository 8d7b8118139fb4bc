/**
 * A TCP port of 127.0.0.1 that is free, for a server whose port cannot be 0, or for none. It is below those that the
 * kernel gives out by itself (ip_local_port_range), so that no other program's listener or connection gets it
 * meanwhile.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** fetch refuses a few that are lower. */
const LOWEST = 20_000;
/** The lowest port that Linux gives out; other systems begin higher. */
const FIRST_GIVEN_OUT = 32_768;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, FIRST_GIVEN_OUT);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
