/** `pillion completion SHELL`: a script by which a shell completes commands, options and their values. */
import type { Feature } from '../../kernel/feature.ts';
import { completionCommand } from './command.ts';

export const completion = { name: 'completion', commands: [completionCommand] } satisfies Feature;
