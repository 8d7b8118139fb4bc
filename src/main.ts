#!/usr/bin/env node
/**
 * pillion: a command line → its command → the exit status. Nothing else is decided here.
 *
 * Exit status: 1 = it failed; 64 = wrong command line (EX_USAGE); else what the command says.
 */
import process from 'node:process';
import { runCommand } from './cli/run-command.ts';
import { visible } from './core/terminal/visible-text.ts';
import { FEATURES } from './pillion.ts';

runCommand(FEATURES, process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`pillion: ${visible(error instanceof Error ? error.message : String(error))}\n`);
    process.exit(1);
  },
);
