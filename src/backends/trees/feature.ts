/** Trees and forests of XGBoost and LightGBM: docs/how-to/trees.md. */
import type { Feature } from '../../kernel/feature.ts';
import { siblingModule } from '../host/sibling-module.ts';

export const trees = {
  name: 'trees',
  backends: [
    {
      kind: 'trees',
      module: siblingModule(import.meta.url, './trees-backend').href,
      looksFor: 'model.json, model.ubj or model.txt of XGBoost or LightGBM',
    },
  ],
} satisfies Feature;
