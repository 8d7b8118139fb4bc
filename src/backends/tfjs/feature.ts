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
  natives: [
    {
      name: 'tfjs',
      usage: "fetches and builds the libraries that TensorFlow's formats need",
      help: `tfjs-node and libtensorflow, for models of TensorFlow's formats. Fetches 350 MB, compiles the
                          binding, and takes 1.1 GB. Needs g++ and patch.`,
      prepare: async (tell) => (await import('./prepare-natives.ts')).prepareTfjsNatives(tell),
    },
  ],
} satisfies Feature;
