/** `pillion doctor`: what is wrong with the machine, the models and their traffic, and what to change. */
import type { Feature } from '../../kernel/feature.ts';
import { doctorCommand } from './command.ts';

export const doctor = { name: 'doctor', commands: [doctorCommand] } satisfies Feature;
