/** GET /openapi.json: the description of the REST surface, on the REST port and on the admin port. */
import { send } from '../../admin/admin-path.ts';
import type { Feature } from '../../kernel/feature.ts';
import { JSON_TYPE } from '../../proxy/http1/answer-head.ts';
import type { Described } from '../../proxy/servers/rest-part.ts';
import { VERSION } from '../../version.ts';

export const openapi = {
  name: 'openapi',
  install: async ({ config, surface, adminPaths }) => {
    const { descriptionPart, openApiText } = await import('./description.ts');
    const { metricsPath = '', options } = config;
    const about = { version: VERSION, metricsPath, prefix: options.inference_path_prefix };
    let described: () => readonly Described[] = () => [];
    surface(() => ({
      rest: (all) => {
        described = all;
        return descriptionPart(about, all);
      },
    }));
    // The console's page reads it from its own port.
    adminPaths(() => [
      {
        ...{ method: 'GET', path: '/openapi.json', says: 'the REST API in OpenAPI' },
        answer: ({ response }) => send(response, JSON_TYPE, openApiText(described(), about)),
      },
    ]);
  },
} satisfies Feature;
