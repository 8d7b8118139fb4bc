/** The log as text for people, in a terminal: what is served and where, how loads go on, warnings in words (README.md). */
import process from 'node:process';
import { isatty } from 'node:tty';
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Feature } from '../../kernel/feature.ts';
import { type LogStyle, TERMINAL_OPTIONS } from './options.ts';

export const terminal = {
  name: 'terminal',
  options: TERMINAL_OPTIONS,
  install: async (server) => {
    const style = optionsOf(server.config, TERMINAL_OPTIONS).log_style as LogStyle;
    const isTerminal = isatty(2);
    if (style === 'json' || (style === 'auto' && !isTerminal)) return;
    (await import('./install.ts')).installTerminal(server, isTerminal ? process.stderr : undefined);
  },
} satisfies Feature;
