/** A program that a test starts and ends, and whose readiness it has to ask for. */
import { spawn } from 'node:child_process';
import { type AddressInfo, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

/** Between two looks: none of these programs can be waited for. */
const LOOK_MS = 100;
const PATIENCE_MS = 60_000;

export interface Program {
  /** Resolves with whatever `look` gives once it is not undefined. Rejects with the program's output when that takes too long. */
  until<T>(what: string, look: () => Promise<T | undefined>): Promise<T>;
}

export function startProgram(
  t: TestContext,
  command: string,
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): Program {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => log.push(text));
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  t.after(() => {
    child.kill('SIGKILL');
    return exited;
  });
  return {
    until: async (what, look) => {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      for (;;) {
        // Not listening yet is no answer.
        const found = await look().catch(() => undefined);
        if (found !== undefined) return found;
        if (signal.aborted || child.exitCode !== null)
          throw new Error(`waited for ${what}\n${log.slice(-40).join('')}`);
        await pause(LOOK_MS);
      }
    },
  };
}

/** Ports that were free a moment ago: these programs do not tell which they chose. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** What the script that runs these tests has put there. */
export function pathFrom(variable: string): string {
  const path = process.env[variable];
  if (path === undefined) throw new Error(`${variable} is not set: run \`npm test -- observability\``);
  return path;
}

/** A JSON answer; undefined unless it is a 200. */
export async function getJson<T>(url: string): Promise<T | undefined> {
  const answer = await fetch(url);
  const text = await answer.text();
  return answer.status === 200 ? (JSON.parse(text) as T) : undefined;
}
