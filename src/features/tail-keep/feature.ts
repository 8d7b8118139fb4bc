/** `--tail_keep_per_second`: slow and failed requests are kept, whatever the sampling says. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Feature } from '../../kernel/feature.ts';
import { TAIL_KEEP_OPTIONS } from './options.ts';

export const tailKeep = {
  name: 'tail-keep',
  options: TAIL_KEEP_OPTIONS,
  install: async ({ config, telemetry }) => {
    const { tail_keep_per_second: perSecond } = optionsOf(config, TAIL_KEEP_OPTIONS);
    if (perSecond > 0) telemetry.keepBy(new (await import('./tail-keep.ts')).TailKeep(perSecond));
  },
} satisfies Feature;
