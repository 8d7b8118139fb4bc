/** Runs a client program to its end, and says what became of it. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** No case takes more than a few seconds; a client that hangs is a failure too. */
const CLIENT_TIMEOUT_MS = 60_000;

/**
 * Resolves when it has ended, however that was.
 * @param {{onLine?: (line: string) => void, timeoutMs?: number}} [options] onLine gets each line of its standard output
 * @returns {Promise<{output: string, problem: string | undefined}>} output of both streams; problem: why it failed
 */
export function runClient(command, args, { onLine, timeoutMs = CLIENT_TIMEOUT_MS } = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
  const output = [];
  child.stdout.on('data', (bytes) => output.push(bytes));
  child.stderr.on('data', (bytes) => output.push(bytes));
  if (onLine !== undefined) createInterface({ input: child.stdout }).on('line', onLine);
  return new Promise((done) => {
    child.on('error', ({ message }) => done({ output: '', problem: message }));
    child.on('close', (code, signal) => {
      const text = Buffer.concat(output).toString();
      done({ output: text, problem: code === 0 ? undefined : `${text}(ended with ${code ?? signal})` });
    });
  });
}
