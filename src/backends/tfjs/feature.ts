/** Models of TensorFlow's formats, on libtensorflow: docs/how-to/tfjs.md. */
import type { Feature } from '../../kernel/feature.ts';
import { siblingModule } from '../host/sibling-module.ts';

export const tfjs = {
  name: 'tfjs',
  backends: [
    {
      kind: 'tfjs',
      module: siblingModule(import.meta.url, './tfjs-backend').href,
      family: ['saved_model', 'tfjs_model'],
      looksFor: 'saved_model.pb, or model.json of TensorFlow.js',
    },
    { kind: 'saved_model', module: siblingModule(import.meta.url, './saved-model-backend').href },
    { kind: 'tfjs_model', module: siblingModule(import.meta.url, './tfjs-model-backend').href },
  ],
} satisfies Feature;
