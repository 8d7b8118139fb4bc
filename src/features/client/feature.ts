/** `pillion client`: a typed client of one model, in TypeScript, Python or Go, of the signature that a server has now. */
import type { Feature } from '../../kernel/feature.ts';
import { clientCommand } from './command.ts';

export const client = { name: 'client', commands: [clientCommand] } satisfies Feature;
