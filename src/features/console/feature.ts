/** The console: a page for people on the admin port, with live numbers and a playground (README.md). */
import type { Feature } from '../../kernel/feature.ts';

export const webConsole = {
  name: 'console',
  install: async (server) => (await import('./install.ts')).installConsole(server),
} satisfies Feature;
