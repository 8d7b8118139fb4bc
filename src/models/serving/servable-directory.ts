/**
 * Finds the servable that a request asks for, and tells the state of all. The manager is one; tests make their own.
 */
import type { ModelChoice, ModelConfig } from '../../config/model-config.ts';
import type { VersionChoice } from '../versions/version-choice.ts';
import type { ServableHandle, VersionStatus } from './servable.ts';

/** Who answers in a model's place: see ModelConfig. */
export interface ModelFallbacks {
  readonly fallback?: ModelChoice | undefined;
  readonly degradeTo?: ModelChoice | undefined;
}

export interface ServableDirectory {
  /** Every model of the start's configuration has been up with all of its versions; stays true until the end. */
  readonly isReady: boolean;
  /** Calls `listener` whenever isReady may have changed. Returns the function that stops it. */
  onReadinessChange(listener: () => void): () => void;
  /** Configured names, in the config's order. */
  readonly modelNames: readonly string[];
  /**
   * Borrows the wanted version. Throws ServingError: model_not_found (name, version), label_not_found,
   * model_not_ready (wanted but still loading), load_failed is reported as model_not_found with the reason.
   */
  acquire(name: string, choice: VersionChoice): ServableHandle;
  /** Who is configured to answer in the model's place; undefined = nobody. Absent = nobody for any. */
  fallbacks?(name: string): ModelFallbacks | undefined;
  /** Highest version first; unknown name → model_not_found. */
  status(name: string, choice: VersionChoice): readonly VersionStatus[];
}

/** Changes which models are served while the server runs. The manager is one. */
export interface ModelReloader {
  /**
   * Replaces the whole list: names that are gone unload, new ones load, known ones change in place. Checks everything
   * first and changes nothing if a check fails (`load_failed`, `invalid_request`). Resolves when every newly named model
   * is available; does not wait for unloads. Rejects when one of them cannot be loaded; the list is in force all the same,
   * as in TensorFlow Serving. One reload at a time: the next waits for the one before it.
   */
  reload(models: readonly ModelConfig[]): Promise<void>;
}
