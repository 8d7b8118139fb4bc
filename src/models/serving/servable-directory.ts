/** The parts of the ModelManager that requests and reloads use; tests have their own. */
import type { ModelConfig } from '../../config/model-config.ts';
import type { VersionChoice } from '../versions/version-choice.ts';
import type { Servable, ServableHandle, VersionStatus } from './servable.ts';
import type { StepTable } from './steps.ts';

export interface ServableDirectory {
  /** All versions of every model of the start's configuration were available once; stays true until the server ends. */
  readonly isReady: boolean;
  /** Calls `listener` when isReady has changed. Returns a function that removes the listener. */
  onReadinessChange(listener: () => void): () => void;
  /** The configured names, in the configuration's order. */
  readonly modelNames: readonly string[];
  /**
   * Borrows the wanted version. Throws ServingError: model_not_found (name, version), label_not_found,
   * model_not_ready (wanted but still loading), load_failed is reported as model_not_found with the reason.
   */
  acquire(name: string, choice: VersionChoice): ServableHandle;
  /** The version that `acquire` would lend, for this turn alone; undefined where that throws. Absent = not told. */
  find?(name: string, choice: VersionChoice): Servable | undefined;
  /** The sequences of the model; undefined if there is no such model. Absent = no model keeps a state. */
  sequencesOf?(name: string): StepTable | undefined;
  /**
   * Highest version first; unknown name → model_not_found. A model that was removed from the list has its last states.
   */
  status(name: string, choice: VersionChoice): readonly VersionStatus[];
}

export interface ReloadOptions {
  /**
   * The list is a ModelServerConfig, which may not change the model_platform of a served model, as in TensorFlow
   * Serving. Else a model whose backend changes is loaded anew.
   */
  readonly keepsPlatforms?: boolean;
}

/** Changes the list of models while the server runs. */
export interface ModelReloader {
  /**
   * Replaces the whole list: removed models unload, new ones load, the others are reconfigured. Checks the list first
   * and changes nothing if a check fails (`load_failed`, `invalid_request`). Resolves when every new model is
   * available; does not wait for unloads. Rejects if a new model cannot be loaded; the list is in force all the same,
   * as in TensorFlow Serving. There is one reload at a time; the next waits.
   */
  reload(models: readonly ModelConfig[], options?: ReloadOptions): Promise<void>;
}
