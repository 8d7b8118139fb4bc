#!/usr/bin/env node
/**
 * pillion: flags → config → app → signals → drain. Nothing else is decided here.
 *
 * Exit status: 0 = ended by a signal, and drained; 1 = could not start, or a fault ended it; 64 = wrong command line
 * (EX_USAGE); SIGKILL (137 in a shell) = ended by a second signal.
 */
import process from 'node:process';
import { createApp } from './app/app.ts';
import {
  type CommandOptions,
  readDoctorOptions,
  readProfileOptions,
  readRecordOptions,
  readReplayOptions,
  readStatusOptions,
  readWhatIfOptions,
} from './cli/command-options.ts';
import { checkConfig } from './cli/config-check.ts';
import { doctor } from './cli/doctor.ts';
import {
  CONFIG_HELP,
  DOCTOR_HELP,
  HELP,
  KEY_HELP,
  PROFILE_HELP,
  RECORD_HELP,
  REPLAY_HELP,
  SERVE_HELP,
  STATUS_HELP,
  WHAT_IF_HELP,
} from './cli/help.ts';
import { printNewKey } from './cli/key.ts';
import { profile } from './cli/profile.ts';
import { record } from './cli/record.ts';
import { replay } from './cli/replay.ts';
import { status } from './cli/status.ts';
import { whatIf } from './cli/what-if.ts';
import { readMachine } from './config/machine/machine.ts';
import { readServeConfig, type ServeConfig } from './config/serve-config.ts';
import { tuneCollector } from './internals/collector.ts';
import { VERSION } from './version.ts';

const EXIT_USAGE = 64;
/**
 * The log's last lines get this long to be written: nobody may be reading them. With LAST_FLUSH_MS for the collectors it
 * is a second in all.
 */
const PATIENCE_MS = 300;
const HASTE_MS = 100;

async function serve(config: ServeConfig): Promise<void> {
  // Before all else: without a listener SIGHUP ends the process.
  process.on('SIGHUP', () => app.reread());
  tuneCollector(readMachine());
  const app = createApp(config, process.env);
  let drain: Promise<void> | undefined;
  const exit = (code: number, patienceMs: number): void => {
    void app.logger.end(patienceMs).then(() => process.exit(code));
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (drain !== undefined) {
      // The logger writes later, when the process is gone.
      process.stderr.write(`pillion: ${signal} again: ending now\n`);
      // Otherwise Node ends threads that are inside a runtime, and one that throws then aborts the process.
      process.once('exit', () => process.kill(process.pid, 'SIGKILL'));
      exit(1, HASTE_MS);
      return;
    }
    app.logger.info({ event: 'ending', signal }, 'told to end');
    drain = app.drain();
    drain.then(
      () => exit(0, PATIENCE_MS),
      (error: unknown) => {
        app.logger.fatal({ err: error }, 'the drain failed');
        exit(1, PATIENCE_MS);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    await app.start();
  } catch (error) {
    await app.logger.end(PATIENCE_MS);
    throw error;
  }
}

type Command = (args: readonly string[]) => void | Promise<void>;

/** The commands beside serve. */
const COMMANDS = new Map<string, Command>([
  ['profile', sidecarCommand('profile', PROFILE_HELP, readProfileOptions, profile)],
  ['record', sidecarCommand('record', RECORD_HELP, readRecordOptions, record)],
  ['replay', sidecarCommand('replay', REPLAY_HELP, readReplayOptions, replay)],
  ['status', sidecarCommand('status', STATUS_HELP, readStatusOptions, status)],
  ['doctor', sidecarCommand('doctor', DOCTOR_HELP, readDoctorOptions, doctor)],
  ['what-if', sidecarCommand('what-if', WHAT_IF_HELP, readWhatIfOptions, whatIf)],
  ['config', config],
  ['key', key],
]);

async function main(args: readonly string[]): Promise<void> {
  const [command, ...rest] = args;
  if (command === '--version' || command === 'version') return write(`pillion ${VERSION}\n`);
  if (command === undefined || command === 'help' || command === '--help' || command === '-h') return write(HELP);
  const run = COMMANDS.get(command);
  if (run !== undefined) return run(rest);
  // A command line of TensorFlow Serving has flags alone.
  const isServe = command === 'serve' || command.startsWith('--');
  if (!isServe)
    return usage([
      `unknown command "${command}"; the commands are serve, status, doctor, what-if, profile, record, replay, config check, key new, version and help`,
    ]);
  const flags = command === 'serve' ? rest : args;
  if (flags.includes('--version')) return write(`pillion ${VERSION}\n`);
  if (wantsHelp(flags)) return write(SERVE_HELP);
  const read = readServeConfig(flags, process.env);
  if (read.errors !== undefined) return usage(read.errors);
  return serve(read.config);
}

/** A command that asks a running sidecar; `run` resolves with the exit status. */
function sidecarCommand<T>(
  name: string,
  help: string,
  read: (args: readonly string[]) => CommandOptions<T>,
  run: (options: T) => Promise<number>,
): Command {
  return async (args) => {
    if (wantsHelp(args)) return write(help);
    const { options, errors } = read(args);
    if (errors !== undefined) return usage(errors, name);
    process.exitCode = await run(options);
  };
}

function config(args: readonly string[]): void {
  const [what, ...rest] = args;
  if (wantsHelp(args)) {
    write(CONFIG_HELP);
    return;
  }
  if (what !== 'check') {
    usage([what === undefined ? 'pillion config wants "check"' : `pillion config wants "check", not "${what}"`]);
    return;
  }
  const { isSound, output, errors, warnings } = checkConfig(rest, process.env);
  write(output);
  for (const line of [...errors, ...warnings]) process.stderr.write(`pillion: ${line}\n`);
  if (!isSound) process.exitCode = EXIT_USAGE;
}

function key(args: readonly string[]): void {
  if (wantsHelp(args)) write(KEY_HELP);
  else if (args.join(' ') === 'new') printNewKey();
  else usage(['pillion key wants "new", and nothing else'], 'key');
}

function wantsHelp(args: readonly string[]): boolean {
  return args.includes('--help') || args.includes('-h');
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
