/** `pillion places`: a log with places in the source, where its stacks have places in the bundle. */
import type { Feature } from '../../kernel/feature.ts';
import { placesCommand } from './command.ts';

export const places = { name: 'places', commands: [placesCommand] } satisfies Feature;
