/** `pillion predict`: one request to a running server, with data as people have it, and its answer as a table. */
import type { Feature } from '../../kernel/feature.ts';
import { predictCommand } from './command.ts';

export const predict = { name: 'predict', commands: [predictCommand] } satisfies Feature;
