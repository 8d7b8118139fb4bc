/** Triton's model repositories (--model_repository, config.pbtxt), model control by request, and tritonserver's flags. */
import { createRequire } from 'node:module';
import { optionsOf } from '../../config/options/feature-options.ts';
import { LazyModelList, type ListModels } from '../../config/options/model-list.ts';
import type { Feature } from '../../kernel/feature.ts';
import { checkTritonOptions, pollWarnings, withTritonNames } from './config/flags.ts';
import { TRITON_FLAGS } from './config/ignored-flags.ts';
import { TRITON_OPTIONS } from './options.ts';
import { TRITONSERVER } from './serve-as.ts';

export const tritonRepository = {
  name: 'triton-repository',
  options: TRITON_OPTIONS,
  ignoredFlags: TRITON_FLAGS,
  serveAs: TRITONSERVER,
  modelList: new LazyModelList(
    '--model_repository=DIR',
    (given) => optionsOf(given, TRITON_OPTIONS).model_repository.length > 0,
    {
      load: async () => (await import('./list-models.ts')).listModels,
      loadNow: () => (createRequire(import.meta.url)('./list-models.js') as { listModels: ListModels }).listModels,
    },
  ),
  renamed: withTritonNames,
  check: checkTritonOptions,
  warnings: pollWarnings,
  install: async (server) => (await import('./install.ts')).installTritonRepository(server),
} satisfies Feature;
