/** `pillion what-if`: a running server's requests again, with other cores, load or settings. */
import type { Feature } from '../../kernel/feature.ts';
import { whatIfCommand } from './command.ts';

export const whatIf = { name: 'what-if', commands: [whatIfCommand] } satisfies Feature;
