/** GET /openapi.json: the description of the REST surface. */
import type { Feature } from '../../kernel/feature.ts';
import { VERSION } from '../../version.ts';

export const openapi = {
  name: 'openapi',
  install: async ({ config, surface }) => {
    const { descriptionPart } = await import('./description.ts');
    const { metricsPath = '', options } = config;
    const about = { version: VERSION, metricsPath, prefix: options.inference_path_prefix };
    surface(() => ({ rest: (described) => descriptionPart(about, described) }));
  },
} satisfies Feature;
