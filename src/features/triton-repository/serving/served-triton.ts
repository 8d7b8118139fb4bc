/**
 * Steps of the load of a version of a Triton model. They put into it what the model has beside its runtime.
 *
 *   opened       config.pbtxt is held against the graph, and label files are read
 *   signatures   sequence_batching: the state that is kept, for the feature that keeps it
 *   views        the signature that requests see
 */

import type { ModelConfig } from '../../../config/model-config.ts';
import type { Signatures } from '../../../core/signature.ts';
import { DECLARED_STATE } from '../../../models/loading/declared-state.ts';
import type { LoadStep } from '../../../models/loading/load-steps.ts';
import { GRAPH_LABELS } from '../../../models/serving/class-names.ts';
import { mainSignature } from '../../open-inference/exported/main-signature.ts';
import { GIVEN_CONFIG, type GivenConfig } from '../../open-inference/exported/model-config.ts';
import { TRITON } from '../config/triton-model.ts';
import { configView } from './config-view.ts';
import { checkAgainstGraph } from './graph-check.ts';
import { readLabels } from './labels.ts';
import { stateOfTriton } from './sequence-state.ts';

/** Undefined for a model of another source. Rejects with `load_failed` if its config.pbtxt does not fit the graph. */
export async function readTriton(model: ModelConfig, graphs: Signatures): Promise<GivenConfig | undefined> {
  const triton = TRITON.of(model);
  if (triton === undefined) return undefined;
  const main = mainSignature(graphs);
  if (main !== undefined) checkAgainstGraph(model.name, triton.config, main[1]);
  return { config: triton.config, labels: await readLabels(triton) };
}

export const TRITON_STEPS: readonly LoadStep[] = [
  {
    stage: 'opened',
    run: async ({ model, facts, signatures }) => {
      const given = await readTriton(model, signatures);
      if (given === undefined) return;
      facts.set(GIVEN_CONFIG, given);
      facts.set(GRAPH_LABELS, given.labels);
    },
  },
  {
    stage: 'signatures',
    run: ({ model, facts, signatures }) => {
      const state = stateOfTriton(model, signatures);
      if (state !== undefined) facts.set(DECLARED_STATE, state);
    },
  },
  {
    stage: 'views',
    run: ({ facts, signatures, views }) => {
      const given = facts.get(GIVEN_CONFIG);
      const view = given && configView(given.config, signatures);
      if (view !== undefined) views.set(view.name, view);
    },
  },
];
