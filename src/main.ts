#!/usr/bin/env node
/**
 * pillion: flags → config → app → signals → drain. Nothing else is decided here. Each command loads its own modules:
 * `pillion await` stays beside an application, and `pillion drain` runs in a sidecar's memory limit.
 *
 * Exit status: 0 = ended by a signal, POST /quitquitquit or the end of its terminal, and drained; 1 = could not start, or a
 * fault ended it; 64 = wrong command line (EX_USAGE); SIGKILL (137 in a shell) = ended by a second signal, or while a run
 * went on in a thread.
 */
import process from 'node:process';
import {
  type CommandOptions,
  readDoctorOptions,
  readProfileOptions,
  readRecordOptions,
  readReplayOptions,
  readStatusOptions,
  readWhatIfOptions,
} from './cli/command-options.ts';
import { watchEndSignals, watchTerminal } from './cli/end-signals.ts';
import {
  AWAIT_HELP,
  CONFIG_HELP,
  DOCTOR_HELP,
  DRAIN_HELP,
  HELP,
  KEY_HELP,
  NATIVES_HELP,
  PLACES_HELP,
  PROFILE_HELP,
  RECORD_HELP,
  REPLAY_HELP,
  STATUS_HELP,
  serveHelp,
  TRITON_HELP,
  WHAT_IF_HELP,
} from './cli/help.ts';
import { printNewKey } from './cli/key.ts';
import { readAwaitOptions, readDrainOptions, splitCommand } from './cli/pod-options.ts';
import { readMachine } from './config/machine/machine.ts';
import type { ConfigSource, ServeConfig } from './config/serve-config.ts';
import { systemClock } from './core/clock.ts';
import { tuneCollector } from './internals/collector.ts';
import { keepNextTickFast } from './internals/next-tick.ts';
import type { App } from './kernel/assembly/app.ts';
import { FEATURES } from './pillion.ts';
import { VERSION } from './version.ts';

const EXIT_USAGE = 64;
/**
 * The log's last lines get this long to be written: nobody may be reading them. With LAST_FLUSH_MS for the collectors it
 * is a second in all.
 */
const PATIENCE_MS = 300;

async function serve(config: ServeConfig): Promise<void> {
  // Before all else: without a listener SIGHUP ends the process.
  let served: App | undefined;
  const isTerminalClosed = watchTerminal();
  process.on('SIGHUP', () => {
    if (!isTerminalClosed()) served?.reread();
    else if (served === undefined) process.exit(1);
    else end('SIGHUP of a closed terminal');
  });
  keepNextTickFast();
  tuneCollector(readMachine());
  const { createApp } = await import('./kernel/assembly/app.ts');
  const app = createApp({ config, environment: process.env, features: FEATURES, quit: () => end('quitquitquit') });
  served = app;
  let ending: Promise<void> | undefined;
  const exit = async (code: number): Promise<void> => {
    await app.logger.end(PATIENCE_MS);
    // Node waits for the threads of runs that go on, and aborts at its exit where it cannot reset a terminal that is gone.
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
    // No exit, and no word: Node would end threads that are inside a runtime, and one that throws then aborts the process;
    // and a write to standard error waits for good where nobody reads it.
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

/** What every configuration is read with, beside the flags. */
function source(): Omit<ConfigSource, 'args'> {
  return { environment: process.env, features: FEATURES };
}

function killSelf(): void {
  process.kill(process.pid, 'SIGKILL');
}

type Command = (args: readonly string[]) => void | Promise<void>;

/** The commands beside serve. */
const COMMANDS = new Map<string, Command>([
  [
    'await',
    sidecarCommand('await', AWAIT_HELP, readAwaitOptions, async () => (await import('./cli/await.ts')).awaitReady),
  ],
  ['drain', sidecarCommand('drain', DRAIN_HELP, readDrainOptions, async () => (await import('./cli/drain.ts')).drain)],
  [
    'profile',
    sidecarCommand('profile', PROFILE_HELP, readProfileOptions, async () => (await import('./cli/profile.ts')).profile),
  ],
  [
    'record',
    sidecarCommand('record', RECORD_HELP, readRecordOptions, async () => (await import('./cli/record.ts')).record),
  ],
  [
    'replay',
    sidecarCommand('replay', REPLAY_HELP, readReplayOptions, async () => (await import('./cli/replay.ts')).replay),
  ],
  [
    'status',
    sidecarCommand('status', STATUS_HELP, readStatusOptions, async () => {
      const { status } = await import('./cli/status.ts');
      return (options) => status(options, (model) => FEATURES.modelNotes(model));
    }),
  ],
  [
    'doctor',
    sidecarCommand('doctor', DOCTOR_HELP, readDoctorOptions, async () => (await import('./cli/doctor.ts')).doctor),
  ],
  [
    'what-if',
    sidecarCommand('what-if', WHAT_IF_HELP, readWhatIfOptions, async () => (await import('./cli/what-if.ts')).whatIf),
  ],
  ['config', config],
  ['key', key],
  ['natives', natives],
  ['places', places],
]);

async function main(args: readonly string[]): Promise<void> {
  const [command, ...rest] = args;
  if (command === '--version' || command === 'version') return write(`pillion ${VERSION}\n`);
  if (command === undefined || command === 'help' || command === '--help' || command === '-h') return write(HELP);
  const run = COMMANDS.get(command);
  if (run !== undefined) return run(rest);
  if (command === 'tritonserver') return tritonserver(rest);
  // A command line of TensorFlow Serving has flags alone.
  const isServe = command === 'serve' || command.startsWith('--');
  if (!isServe)
    return usage([
      `unknown command "${command}"; the commands are serve, tritonserver, status, await, drain, doctor, what-if, profile, record, replay, config check, key new, natives tfjs|cuda, places, version and help`,
    ]);
  const flags = command === 'serve' ? rest : args;
  if (flags.includes('--version')) return write(`pillion ${VERSION}\n`);
  if (wantsHelp(flags)) return write(serveHelp(FEATURES));
  const { readServeConfig } = await import('./config/serve-config.ts');
  const read = readServeConfig({ args: flags, ...source() });
  if (read.errors !== undefined) return usage(read.errors);
  return serve(read.config);
}

/** serve, by the command line and with the defaults of tritonserver. */
async function tritonserver(flags: readonly string[]): Promise<void> {
  if (wantsHelp(flags)) return write(TRITON_HELP);
  const { readServeConfig } = await import('./config/serve-config.ts');
  const { tritonArguments, tritonDefaults } = await import('./config/triton/tritonserver.ts');
  const read = readServeConfig({ args: tritonArguments(flags), ...source(), defaults: tritonDefaults });
  if (read.errors !== undefined) return usage(read.errors, 'tritonserver');
  return serve(read.config);
}

/** A command that asks a running sidecar; what `load` gives resolves with the exit status. */
function sidecarCommand<T>(
  name: string,
  help: string,
  read: (args: readonly string[]) => CommandOptions<T>,
  load: () => Promise<(options: T) => Promise<number>>,
): Command {
  return async (args) => {
    if (wantsHelp(args)) return write(help);
    const { options, errors } = read(args);
    if (errors !== undefined) return usage(errors, name);
    const run = await load();
    process.exitCode = await run(options);
  };
}

async function config(args: readonly string[]): Promise<void> {
  const [what, ...rest] = args;
  if (wantsHelp(args)) {
    write(CONFIG_HELP);
    return;
  }
  if (what !== 'check') {
    usage([what === undefined ? 'pillion config wants "check"' : `pillion config wants "check", not "${what}"`]);
    return;
  }
  const { checkConfig } = await import('./cli/config-check.ts');
  const { isSound, output, errors, warnings } = checkConfig({ args: rest, ...source() });
  write(output);
  for (const line of [...errors, ...warnings]) process.stderr.write(`pillion: ${line}\n`);
  if (!isSound) process.exitCode = EXIT_USAGE;
}

function key(args: readonly string[]): void {
  if (wantsHelp(args)) write(KEY_HELP);
  else if (args.join(' ') === 'new') printNewKey();
  else usage(['pillion key wants "new", and nothing else'], 'key');
}

async function natives(args: readonly string[]): Promise<void> {
  if (wantsHelp(args)) write(NATIVES_HELP);
  else if (args.join(' ') === 'tfjs') {
    const { prepareTfjsNatives } = await import('./cli/tfjs-natives.ts');
    write(`${prepareTfjsNatives((text) => write(`${text}\n`))}\n`);
  } else if (args.join(' ') === 'cuda') {
    const { prepareCudaNatives } = await import('./cli/cuda-natives.ts');
    write(`${prepareCudaNatives((text) => write(`${text}\n`))}\n`);
  } else usage(['pillion natives wants "tfjs" or "cuda", and nothing else'], 'natives');
}

async function places(args: readonly string[]): Promise<void> {
  if (wantsHelp(args)) return write(PLACES_HELP);
  if (args.length > 0) return usage(['pillion places takes a log on standard input, and nothing else'], 'places');
  const { printPlaces } = await import('./cli/places.ts');
  process.exitCode = await printPlaces();
}

function wantsHelp(args: readonly string[]): boolean {
  const [own] = splitCommand(args);
  return own.includes('--help') || own.includes('-h');
}

function write(text: string): void {
  process.stdout.write(text);
}

function usage(errors: readonly string[], command = 'serve'): void {
  for (const error of errors) process.stderr.write(`pillion: ${error}\n`);
  process.stderr.write(`pillion ${command} --help lists the options\n`);
  process.exitCode = EXIT_USAGE;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`pillion: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
