/** `pillion bench`: the latency of one server, or of two side by side, under requests that come as they come. */
import type { Feature } from '../../kernel/feature.ts';
import { benchCommand } from './command.ts';

export const bench = { name: 'bench', commands: [benchCommand] } satisfies Feature;
