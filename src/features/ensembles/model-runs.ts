import { factKey } from '../../core/collections/facts.ts';

/**
 * The fact of an ensemble: how many runs of models a request takes, as its members were at its load. Undefined: the
 * version is no ensemble.
 */
export const MODEL_RUNS = factKey<number>('model-runs');
