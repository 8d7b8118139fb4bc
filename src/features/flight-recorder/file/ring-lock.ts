/**
 * Keeps a second process away from a file. The lock is an abstract Unix socket, which the kernel gives to one process
 * and takes back when that ends, however it ends. It holds among the processes of one network namespace, such as those
 * of a pod. Only Linux has such sockets: elsewhere there is no lock.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import process from 'node:process';

/** @param id of the file on its machine. Resolves with a function that gives the lock back; undefined if another process has it. */
export async function lock(id: string): Promise<(() => void) | undefined> {
  if (process.platform !== 'linux') return () => undefined;
  const server = createServer((socket) => socket.destroy()).unref();
  try {
    await listening(server, `\0pillion-requests-${id}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
  return () => server.close();
}

async function listening(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, 'listening');
}
