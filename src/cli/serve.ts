/**
 * `pillion serve`: config → app → signals → drain.
 *
 * Exit status: 0 = ended by a signal, POST /quitquitquit or the end of its terminal, and drained; 1 = could not start,
 * or a fault ended it; SIGKILL (137 in a shell) = ended by a second signal, or while a run went on in a thread.
 */
import process from 'node:process';
import { readMachine } from '../config/machine/machine.ts';
import type { ServeConfig } from '../config/serve-config.ts';
import { systemClock } from '../core/clock.ts';
import { tuneCollector } from '../internals/collector.ts';
import { keepNextTickFast } from '../internals/next-tick.ts';
import type { App } from '../kernel/assembly/app.ts';
import type { FeatureList } from '../kernel/feature.ts';
import { watchEndSignals, watchTerminal } from './end-signals.ts';

/**
 * The log's last lines get this long to be written: nobody may be reading them. With LAST_FLUSH_MS for the collectors
 * it is a second in all.
 */
const PATIENCE_MS = 300;

/** Starts a server; the process ends by a signal, or by POST /quitquitquit. Rejects if it cannot start. */
export async function serve(config: ServeConfig, features: FeatureList): Promise<undefined> {
  // The terminal is watched before all else: without a listener SIGHUP ends the process.
  let served: App | undefined;
  const isTerminalClosed = watchTerminal();
  process.on('SIGHUP', () => {
    if (!isTerminalClosed()) served?.reread();
    else if (served === undefined) process.exit(1);
    else end('SIGHUP of a closed terminal');
  });
  keepNextTickFast();
  tuneCollector(readMachine());
  const { createApp } = await import('../kernel/assembly/app.ts');
  const app = createApp({ config, environment: process.env, features, quit: () => end('quitquitquit') });
  served = app;
  let ending: Promise<void> | undefined;
  const exit = async (code: number): Promise<void> => {
    await app.logger.end(PATIENCE_MS);
    // Node waits for the threads of runs that go on, and aborts at its exit where it cannot reset a terminal that is
    // gone.
    if (app.leavesRuns || isTerminalClosed()) killSelf();
    else process.exit(code);
  };
  const end = (by: string): void => {
    if (ending !== undefined) return;
    app.logger.info({ event: 'ending', signal: by }, 'told to end');
    ending = app.drain();
    ending.then(
      () => exit(0),
      (error: unknown) => {
        app.logger.fatal({ err: error }, 'the drain failed');
        return exit(1);
      },
    );
  };
  watchEndSignals(process, systemClock, (signal, isAgain) => {
    // No exit, and no word: Node would end threads that are inside a runtime, and one that throws then aborts the
    // process; and a write to standard error waits for good where nobody reads it.
    if (isAgain || ending !== undefined) killSelf();
    else end(signal);
  });
  try {
    await app.start();
  } catch (error) {
    await app.logger.end(PATIENCE_MS);
    throw error;
  }
}

function killSelf(): void {
  process.kill(process.pid, 'SIGKILL');
}
