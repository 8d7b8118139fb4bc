/** Reports the progress of a long benchmark on standard error: one line that is written over on a terminal. */
import process from 'node:process';

const isTerminal = process.stderr.isTTY;
const OVER = isTerminal ? '\r\u001b[K' : '';
const startedAt = performance.now();

/** Shows what happens now, behind the minutes since the start. */
export function progress(text: string): void {
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  process.stderr.write(`${OVER}${minutes} min · ${text}${isTerminal ? '' : '\n'}`);
}

/** Prints what a person should know afterwards. */
export function notice(text: string): void {
  process.stderr.write(`${OVER}! ${text}\n`);
}

/** Ends the line of progress before the results are printed. */
export function endProgress(): void {
  process.stderr.write(OVER);
}

/**
 * Aborted by Ctrl-C and SIGTERM: servers under measurement are children that may be stopped just then, so they have to
 * be ended in order. `consequence` is the rest of the error's sentence.
 */
export function interrupted(consequence: string): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error(`${name}: the servers are stopped${consequence}`)));
  }
  return controller.signal;
}
