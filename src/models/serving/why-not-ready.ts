/** Versions that are loaded and yet may not be able to answer, as those that are made of other models. */
import { factKey } from '../../core/collections/facts.ts';

/** The fact of such a version: why it cannot answer now; undefined = it can. Absent on all others. */
export const WHY_NOT_READY = factKey<() => string | undefined>('why it is not ready');
