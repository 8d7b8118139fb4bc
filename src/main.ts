#!/usr/bin/env node
/**
 * The command pillion: reads flags, starts the app, handles signals, drains.
 *
 * Exit status: 0 ended by a signal; 1 failed to start or stopped by an error; 64 invalid command line (EX_USAGE);
 * killed by SIGKILL (137 in a shell) at the second signal.
 */
import process from 'node:process';
import { createApp } from './app/app.ts';
import type { CommandOptions } from './cli/command-options.ts';
import { checkConfig } from './cli/config-check.ts';
import { doctor } from './cli/doctor.ts';
import { readDoctorOptions } from './cli/doctor-options.ts';
import {
  CONFIG_HELP,
  DOCTOR_HELP,
  HELP,
  PROFILE_HELP,
  RECORD_HELP,
  REPLAY_HELP,
  SERVE_HELP,
  STATUS_HELP,
} from './cli/help.ts';
import { profile } from './cli/profile.ts';
import { readProfileOptions } from './cli/profile-options.ts';
import { record } from './cli/record.ts';
import { readRecordOptions } from './cli/record-options.ts';
import { replay } from './cli/replay.ts';
import { readReplayOptions } from './cli/replay-options.ts';
import { status } from './cli/status.ts';
import { readStatusOptions } from './cli/status-options.ts';
import { tuneCollector } from './config/machine/collector.ts';
import { readMachine } from './config/machine/machine.ts';
import { readServeConfig, type ServeConfig } from './config/serve-config.ts';
import { VERSION } from './version.ts';

const EXIT_USAGE = 64;
/** The time for the log's last lines, which nobody may be reading. */
const LOG_END_MS = 1000;
const LOG_ABORT_MS = 100;

async function serve(config: ServeConfig): Promise<void> {
  // Before anything else: without a listener the signal ends the process.
  process.on('SIGHUP', () => app.reread());
  tuneCollector(readMachine());
  const app = createApp(config, process.env);
  let drain: Promise<void> | undefined;
  const exit = (code: number, logEndMs: number): void => {
    void app.logger.end(logEndMs).then(() => process.exit(code));
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (drain !== undefined) {
      // Not by the logger, which writes asynchronously.
      process.stderr.write(`pillion: ${signal} again: ending now\n`);
      // Node's exit would end threads inside a runtime, which may abort with a core dump.
      process.once('exit', () => process.kill(process.pid, 'SIGKILL'));
      exit(1, LOG_ABORT_MS);
      return;
    }
    app.logger.info({ event: 'ending', signal }, 'told to end');
    drain = app.drain();
    drain.then(
      () => exit(0, LOG_END_MS),
      (error: unknown) => {
        app.logger.fatal({ err: error }, 'the drain failed');
        exit(1, LOG_END_MS);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  await app.start();
}

/** The commands that ask a running server. */
const SUBCOMMANDS = new Map<string, (args: readonly string[]) => Promise<void>>([
  ['doctor', (args) => runSubcommand('doctor', DOCTOR_HELP, readDoctorOptions, doctor, args)],
  ['profile', (args) => runSubcommand('profile', PROFILE_HELP, readProfileOptions, profile, args)],
  ['record', (args) => runSubcommand('record', RECORD_HELP, readRecordOptions, record, args)],
  ['replay', (args) => runSubcommand('replay', REPLAY_HELP, readReplayOptions, replay, args)],
  ['status', (args) => runSubcommand('status', STATUS_HELP, readStatusOptions, status, args)],
]);

/** `run` resolves with the exit status. */
async function runSubcommand<T>(
  name: string,
  help: string,
  read: (args: readonly string[]) => CommandOptions<T>,
  run: (options: T) => Promise<number>,
  args: readonly string[],
): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) return write(help);
  const result = read(args);
  if (result.errors !== undefined) return usage(result.errors, name);
  process.exitCode = await run(result.options);
}

async function main(args: readonly string[]): Promise<void> {
  const [command, ...rest] = args;
  if (command === '--version' || command === 'version') return write(`pillion ${VERSION}\n`);
  if (command === undefined || command === 'help' || command === '--help' || command === '-h') return write(HELP);
  const subcommand = SUBCOMMANDS.get(command);
  if (subcommand !== undefined) return subcommand(rest);
  if (command === 'config') return config(rest);
  // Flags without a command are TensorFlow Serving's command line.
  if (command !== 'serve' && !command.startsWith('--')) {
    const known = 'serve, status, doctor, profile, record, replay, config check, version and help';
    return usage([`unknown command "${command}"; the commands are ${known}`]);
  }
  const flags = command === 'serve' ? rest : args;
  if (flags.includes('--version')) return write(`pillion ${VERSION}\n`);
  if (flags.includes('--help') || flags.includes('-h')) return write(SERVE_HELP);
  const read = readServeConfig(flags, process.env);
  if (read.errors !== undefined) return usage(read.errors);
  return serve(read.config);
}

function config(args: readonly string[]): void {
  const [what, ...rest] = args;
  if (args.includes('--help') || args.includes('-h')) {
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
