/** All networks that look honest in short runs, or in most: a document of what can go wrong where rows are padded. */
import { ARITHMETIC_NETWORKS } from './arithmetic-networks.ts';
import { COUNTING_NETWORKS } from './counting-networks.ts';
import type { LengthNetwork } from './length-network.ts';
import { POSITION_NETWORKS } from './position-networks.ts';

export const LENGTH_NETWORKS: readonly LengthNetwork[] = [
  ...ARITHMETIC_NETWORKS,
  ...COUNTING_NETWORKS,
  ...POSITION_NETWORKS,
];
