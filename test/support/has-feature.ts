/** Tells tests that look at several features at once whether src/pillion.ts lists one. */
import { FEATURES } from '../../src/pillion.ts';

export function hasFeature(name: string): boolean {
  return FEATURES.features.some((feature) => feature.name === name);
}
