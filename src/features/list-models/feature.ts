/** `pillion models`: the models of a running sidecar, their versions and states, and why. */
import type { Feature } from '../../kernel/feature.ts';
import { modelsCommand } from './command.ts';

export const listModels = { name: 'list-models', commands: [modelsCommand] } satisfies Feature;
