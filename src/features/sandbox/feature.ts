/** `--model_sandbox`: models' processes reach only what they need (docs/why/hosts.md). */
import type { Feature } from '../../kernel/feature.ts';
import { SANDBOX_OPTIONS } from './options.ts';

export const sandbox = {
  name: 'sandbox',
  options: SANDBOX_OPTIONS,
  install: async (server) => (await import('./install.ts')).installSandbox(server),
} satisfies Feature;
