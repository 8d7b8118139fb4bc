#!/usr/bin/env node
/**
 * pillion: flags → config → app → signals → drain. Nothing else is decided here.
 *
 * Exit status: 0 ended as asked; 1 could not start or stopped by a fault; 64 wrong command line (EX_USAGE); ended by
 * SIGKILL (137 in a shell) when told a second time.
 */
import process from 'node:process';
import { createApp } from './app/app.ts';
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
/** For the log's last lines, where nobody may be reading them. */
const PATIENCE_MS = 1000;
const HASTE_MS = 100;

async function serve(config: ServeConfig): Promise<void> {
  // First of all: without it the signal ends the process.
  process.on('SIGHUP', () => app.reread());
  tuneCollector(readMachine());
  const app = createApp(config, process.env);
  let drain: Promise<void> | undefined;
  const exit = (code: number, patienceMs: number): void => {
    void app.logger.end(patienceMs).then(() => process.exit(code));
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (drain !== undefined) {
      // Not by the logger, which writes later: there is no later.
      process.stderr.write(`pillion: ${signal} again: ending now\n`);
      // Before Node ends threads that are inside a runtime: one that throws then aborts.
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
  await app.start();
}

async function main(args: readonly string[]): Promise<void> {
  const [command, ...rest] = args;
  if (command === '--version' || command === 'version') return write(`pillion ${VERSION}\n`);
  if (command === undefined || command === 'help' || command === '--help' || command === '-h') return write(HELP);
  if (command === 'profile') return runProfile(rest);
  if (command === 'record') return runRecord(rest);
  if (command === 'replay') return runReplay(rest);
  if (command === 'status') return runStatus(rest);
  if (command === 'doctor') return runDoctor(rest);
  if (command === 'config') return config(rest);
  // Flags alone are a command line of TensorFlow Serving.
  const isServe = command === 'serve' || command.startsWith('--');
  if (!isServe)
    return usage([
      `unknown command "${command}"; the commands are serve, status, doctor, profile, record, replay, config check, version and help`,
    ]);
  const flags = command === 'serve' ? rest : args;
  if (flags.includes('--version')) return write(`pillion ${VERSION}\n`);
  if (flags.includes('--help') || flags.includes('-h')) return write(SERVE_HELP);
  const read = readServeConfig(flags, process.env);
  if (read.errors !== undefined) return usage(read.errors);
  return serve(read.config);
}

async function runProfile(args: readonly string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) return write(PROFILE_HELP);
  const read = readProfileOptions(args);
  if (read.errors !== undefined) return usage(read.errors, 'profile');
  process.exitCode = await profile(read.options);
}

async function runRecord(args: readonly string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) return write(RECORD_HELP);
  const read = readRecordOptions(args);
  if (read.errors !== undefined) return usage(read.errors, 'record');
  process.exitCode = await record(read.options);
}

async function runReplay(args: readonly string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) return write(REPLAY_HELP);
  const read = readReplayOptions(args);
  if (read.errors !== undefined) return usage(read.errors, 'replay');
  process.exitCode = await replay(read.options);
}

async function runStatus(args: readonly string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) return write(STATUS_HELP);
  const read = readStatusOptions(args);
  if (read.errors !== undefined) return usage(read.errors, 'status');
  process.exitCode = await status(read.options);
}

async function runDoctor(args: readonly string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) return write(DOCTOR_HELP);
  const read = readDoctorOptions(args);
  if (read.errors !== undefined) return usage(read.errors, 'doctor');
  process.exitCode = await doctor(read.options);
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
