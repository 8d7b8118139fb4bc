/** The pages that Prometheus scrapes, on every port, with the metrics of the process and under TensorFlow Serving's names. */
import type { Feature } from '../../kernel/feature.ts';

export const prometheus = {
  name: 'prometheus',
  install: async (server) => (await import('./install.ts')).installPrometheus(server),
} satisfies Feature;
