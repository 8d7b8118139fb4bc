/**
 * Applications that this project did not make, as child processes: Fastify, Starlette behind uvicorn, Go's net/http. All
 * have the same routes:
 *
 *   /ws        echoes WebSocket messages; "close with 4001" closes so        /hash      POST: bytes and SHA-256 of the body
 *   /sse       events, `count` of them, `ms` apart                           /bytes     `n` bytes of a pattern
 *   /trailers  POST: body and trailers come back in chunks                   /hints     103, then 200
 *   /status    answers with `code`                                           /file      a file, with ranges
 *   /gzip      is compressed                                                 /headers   the request's, as JSON
 *   /cookies   sets two                                                      /wide      `count` headers of 1,000 bytes
 *   /never     reads, and does not answer; prints when `id` has left         /begin     head, 5 of 100 bytes, then as /never
 *   /refuse    403, and reads nothing                                        all else   `x-saw: METHOD TARGET LENGTH HASH`
 */
import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface App {
  readonly name: string;
  /** "127.0.0.1:port" */
  readonly address: string;
  readonly process: ChildProcess;
  /** Resolves with the first line, past or future, that begins with the text, and forgets it. */
  printed(text: string): Promise<string>;
  kill(): Promise<void>;
}

export type AppName = 'fastify' | 'go' | 'go over HTTP/2' | 'starlette' | 'starlette on h11' | 'fastify, forgiving';

const PYTHON_APP = fileURLToPath(new URL('../../../test/fronting/apps/python/app.py', import.meta.url));

const running = new Set<App>();

/** Ends what a failed test left running: call it after the tests. */
export async function killApps(): Promise<void> {
  for (const app of running) await app.kill();
}

function commandOf(name: AppName): readonly string[] {
  const named = (variable: string): string => {
    const program = process.env[variable];
    if (program === undefined) throw new Error(`${variable} is not set: run \`npm test -- fronting-apps\``);
    return program;
  };
  switch (name) {
    case 'fastify':
      return [process.execPath, named('PILLION_FRONTED_NODE')];
    case 'fastify, forgiving':
      return [process.execPath, named('PILLION_FRONTED_NODE'), '--lenient'];
    case 'go':
      return [named('PILLION_FRONTED_GO')];
    case 'go over HTTP/2':
      return [named('PILLION_FRONTED_GO'), 'h2c'];
    case 'starlette':
      return [named('PILLION_FRONTED_PYTHON'), PYTHON_APP, 'httptools'];
    case 'starlette on h11':
      return [named('PILLION_FRONTED_PYTHON'), PYTHON_APP, 'h11'];
  }
}

/** Resolves when it listens. `file` is what /file gives. */
export async function startApp(name: AppName, file = '/dev/null'): Promise<App> {
  const [program, ...args] = commandOf(name);
  const child = spawn(program!, args, {
    env: { ...process.env, APP_FILE: file },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    for (const look of [...waiting]) look();
  });
  const printed = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const at = lines.findIndex((line) => line.startsWith(text));
        if (at === -1) return;
        waiting.delete(look);
        resolve(lines.splice(at, 1)[0]!);
      };
      waiting.add(look);
      look();
      void exited.then(() => reject(new Error(`${name} ended before it printed "${text}"`)));
    });
  const port = (await printed('listening ')).slice('listening '.length);
  const app: App = {
    name,
    address: `127.0.0.1:${port}`,
    process: child,
    printed,
    kill: () => {
      running.delete(app);
      child.kill('SIGKILL');
      return exited;
    },
  };
  running.add(app);
  return app;
}
