/** What Triton's protocol tells of a model: its names for runtimes, and its ModelConfig. */
export type { TritonConfig } from '../../config/triton/config-message.ts';
export {
  hasTritonRows,
  tritonBatchSize,
  tritonConfigBytes,
  tritonConfigJson,
  tritonConfigOf,
  tritonPlatform,
} from '../../models/triton/triton-config.ts';
export type { ServedTriton } from '../../models/triton/triton-facts.ts';
