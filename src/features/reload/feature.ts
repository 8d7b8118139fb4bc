/** HandleReloadConfigRequest: clients replace the list of models, within limits, where the server allows it. */
import { type GivenOptions, givenOf } from '../../config/options/feature-options.ts';
import type { Feature } from '../../kernel/feature.ts';
import { RELOAD_OPTIONS } from './options.ts';

function check(given: GivenOptions, errors: string[]): void {
  const [allowed] = givenOf(['enable_reload_rpc'], given);
  if (allowed === undefined || given.options.model_repository.length === 0) return;
  const why = 'a list of models would take the place of the repository; use --model_control_mode=explicit';
  errors.push(`${allowed.place} and --model_repository exclude each other: ${why}`);
}

export const reload = {
  name: 'reload',
  options: RELOAD_OPTIONS,
  check,
  install: async (server) => (await import('./install.ts')).installReload(server),
} satisfies Feature;
