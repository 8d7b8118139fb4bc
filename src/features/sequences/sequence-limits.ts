/** How many sequences a model keeps, how large their states may be together, and for how long without a step. */
import type { ModelConfig } from '../../config/model-config.ts';
import { SEQUENCES } from './sequences-key.ts';

export interface SequenceLimits {
  readonly most: number;
  readonly mostPerCaller: number;
  readonly mostBytes: number;
  readonly mostBytesPerCaller: number;
  /** A sequence without a step for so long has expired. */
  readonly idleMs: number;
}

/** The values of keys that a model leaves out. */
export const DEFAULT_SEQUENCES = {
  max: 4096,
  maxPerCaller: 1024,
  maxMib: 256,
  maxMibPerCaller: 64,
  idleMs: 60_000,
} as const;

const MIB = 2 ** 20;

export function sequenceLimits(model: Pick<ModelConfig, 'featureKeys'>): SequenceLimits {
  const sequences = SEQUENCES.of(model) ?? {};
  const most = sequences.max ?? DEFAULT_SEQUENCES.max;
  const mostBytes = (sequences.maxMib ?? DEFAULT_SEQUENCES.maxMib) * MIB;
  return {
    most,
    mostPerCaller: sequences.maxPerCaller ?? Math.min(most, DEFAULT_SEQUENCES.maxPerCaller),
    mostBytes,
    mostBytesPerCaller: Math.min(mostBytes, (sequences.maxMibPerCaller ?? DEFAULT_SEQUENCES.maxMibPerCaller) * MIB),
    idleMs: sequences.idleMs ?? DEFAULT_SEQUENCES.idleMs,
  };
}
