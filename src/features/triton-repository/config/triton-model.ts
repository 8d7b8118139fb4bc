/** The place of a model in a Triton model repository, as a part of its configuration. */
import * as v from 'valibot';
import { ModelKey } from '../../../config/model-key.ts';
import type { TritonConfig } from '../../open-inference/exported/model-config.ts';

/** A model of a Triton model repository. */
export interface TritonModel {
  /** Its directory: config.pbtxt, label files, warmup/ and the numbered versions. */
  readonly directory: string;
  /** The message; empty if there is no config.pbtxt. */
  readonly config: TritonConfig;
  readonly hasConfigFile: boolean;
  /** The steps of an ensemble; undefined = it is a model of its own. */
  readonly ensemble: TritonEnsemble | undefined;
  /** Sizes and times of its label files: it is loaded again when they have changed. Default: ''. */
  readonly labelStamp?: string;
}

/** An ensemble: other models, one after the other. Maps go from a model's tensor to the ensemble's. */
export interface TritonEnsemble {
  readonly steps: readonly TritonEnsembleStep[];
}

export interface TritonEnsembleStep {
  readonly model: string;
  /** Undefined = the latest version. */
  readonly version: bigint | undefined;
  readonly inputMap: ReadonlyMap<string, string>;
  readonly outputMap: ReadonlyMap<string, string>;
}

/** No key of pillion.yaml: models of repositories alone have it. A version policy chooses among versions, and loads none. */
export const TRITON = new ModelKey<TritonModel>({
  name: 'triton',
  schema: v.custom<TritonModel>(() => false),
  help: 'The place in a model repository.',
  show: () => undefined,
  loaded: (model) => ({ ...model, config: { ...model.config, versionPolicy: undefined } }),
});
