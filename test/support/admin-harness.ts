/** An admin server of which nothing is there but what a test gives it, and how to ask it. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { get, type IncomingMessage } from 'node:http';
import type { TestContext } from 'node:test';
import type { AdminPath } from '../../src/admin/admin-path.ts';
import { AdminServer } from '../../src/admin/admin-server.ts';

export type AskAdmin = (path: string, headers?: Record<string, string>) => Promise<IncomingMessage>;

/** Listens until the test ends. `path` begins with a slash. */
export async function startAdmin(t: TestContext, paths: readonly AdminPath[]): Promise<AskAdmin> {
  const server = new AdminServer({ paths, onInternalError: assert.ifError });
  const port = await server.listen(0);
  t.after(() => server.close());
  return (path, headers = {}) =>
    new Promise((resolve, reject) => {
      get(`http://127.0.0.1:${port}${path}`, { headers, agent: false }, resolve).once('error', reject);
    });
}

export async function bodyOf(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
