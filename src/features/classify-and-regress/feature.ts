/** Classify, Regress and MultiInference: TensorFlow Serving's methods on tf.Examples, over gRPC and REST. */
import type { Feature } from '../../kernel/feature.ts';

export const classifyAndRegress = {
  name: 'classify-and-regress',
  install: async (server) => (await import('./install.ts')).installClassifyAndRegress(server),
} satisfies Feature;
