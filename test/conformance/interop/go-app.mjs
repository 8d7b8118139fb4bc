/** An application in Go as a child process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Starts an application that prints "listening PORT"; kill() resolves when it is gone. */
export async function startApp(program, args = []) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = once(child, 'close');
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /^listening (\d+)$/.exec(line)?.[1];
    if (port === undefined) continue;
    child.stdout.resume();
    return {
      port,
      kill: async () => {
        child.kill('SIGKILL');
        await gone;
      },
    };
  }
  throw new Error(`${program} ended before it listened`);
}
