/** Versions that are no model of a runtime, which a feature loads itself. */
import type { CodecThread } from '../../codec-thread/codec-thread.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import type { SchedulerOptions } from '../../scheduler/scheduler-options.ts';
import type { FileKeys } from '../model-file/file-key.ts';
import type { ServableDirectory } from '../serving/servable-directory.ts';
import type { PrepareVersion } from '../warm-up/warm-up.ts';
import type { Layers } from './layers.ts';
import type { LoadServable } from './version-loader.ts';

/** Parts that a loader of such versions may need. */
export interface KindParts {
  /** Called when a version is loaded, by when the models are managed. */
  readonly models: () => ServableDirectory;
  /** Limit of all tensors of a request together, as LoadServableOptions has it. */
  readonly maxTensorBytes: number;
  readonly thread?: CodecThread;
  readonly layers: Layers;
  readonly fileKeys: FileKeys;
  readonly prepare?: PrepareVersion | undefined;
  readonly scheduler: SchedulerOptions;
}

export interface VersionKind {
  /** A loader that loads versions of the kind itself, and everything else by `load`. */
  around(load: LoadServable, parts: KindParts): LoadServable;
  /** The version is of the kind, and has no weights. False also where its files cannot be read. */
  isOf(model: ModelConfig, directory: string, fileKeys: FileKeys): Promise<boolean>;
}
