/** The fake backend, if it had to run in a process of its own. */
import type { Backend } from '../../src/backends/backend.ts';
import { backend as fake } from './fake-backend.ts';

export const backend: Backend = { ...fake, kind: 'confined', mustRunIn: 'process' };
