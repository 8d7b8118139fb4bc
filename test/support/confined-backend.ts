/** The fake backend, restricted to its own process. */
import type { Backend } from '../../src/backends/backend.ts';
import { backend as fake } from './fake-backend.ts';

export const backend: Backend = { ...fake, kind: 'confined', mustRunIn: 'process' };
