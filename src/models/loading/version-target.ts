import type { FoundBackend } from '../../backends/backends.ts';
import type { Host } from '../../backends/host/start-host.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import type { Facts } from '../../core/collections/facts.ts';
import type { Signatures } from '../../core/signature.ts';
import type { ModelFile } from '../model-file/load-model-file.ts';
import type { RuntimeChoice } from '../runtimes/runtime-choice.ts';
import type { HashArtifact } from './artifact-hash.ts';
import type { FirstLoad } from './first-loads.ts';
import type { ModelBatching } from './model-batching.ts';

/** The version to load. */
export interface VersionTarget {
  readonly model: ModelConfig;
  /** Its pillion.yaml; undefined if it has none. */
  readonly modelFile: ModelFile | undefined;
  readonly version: bigint;
  readonly versionDirectory: string;
  readonly batching: ModelBatching;
  readonly hashArtifact: HashArtifact;
  readonly firstLoad: FirstLoad;
  /** Facts that features know of the version. */
  readonly facts: Facts;
  /** Aborted when nobody needs the version any more. */
  readonly signal?: AbortSignal | undefined;
}

export interface OpenedVersion {
  readonly host: Host;
  /** The signatures that are served. */
  readonly signatures: Signatures;
  /** The backend that opened it. */
  readonly backend: FoundBackend;
  /** Undefined if the runtime was not chosen by speed. */
  readonly choice: RuntimeChoice | undefined;
}
