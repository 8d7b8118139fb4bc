/** `pillion init`: a model's file → a directory that is served, with a request to try it. */
import type { Feature } from '../../kernel/feature.ts';
import { initCommand } from './command.ts';

export const init = { name: 'init', commands: [initCommand] } satisfies Feature;
