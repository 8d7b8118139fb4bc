/** `ensemble` in a version's pillion.yaml: the steps whose models answer together. */
import * as v from 'valibot';
import { about, fields, named, nonEmptyText, optional, text, VERSION } from '../../config/yaml/kinds.ts';
import type { EnsembleDeclaration } from '../../models/loading/declared-ensemble.ts';
import { FileKey } from '../../models/model-file/file-key.ts';

const STEP_WANTS = 'a map with model, inputs and outputs';

const STEP = fields(
  {
    model: about(nonEmptyText, 'The name of a model that this server has.'),
    version: optional(VERSION, 'One of its versions. By default the one that a request without a version gets.'),
    signature: optional(text(), 'One of its signatures. Default: serving_default.'),
    inputs: about(
      named(text('the name of the ensemble’s tensor'), 'a map of the ensemble’s tensors by the model’s inputs'),
      'The model’s input: the ensemble’s tensor that it gets.',
    ),
    outputs: about(
      named(text('the name of the ensemble’s tensor'), 'a map of the ensemble’s tensors by the model’s outputs'),
      'The model’s output: the ensemble’s tensor that it becomes. Others are not computed for it.',
    ),
  },
  STEP_WANTS,
);

const NAMES = v.array(nonEmptyText, 'a list of the names of tensors');

const SCHEMA = fields(
  {
    inputs: optional(NAMES, 'The tensors that requests bring. By default those that a step takes and none gives.'),
    outputs: optional(NAMES, 'The tensors that answers have. By default those that a step gives and none takes.'),
    steps: about(v.pipe(v.array(STEP, 'a list of steps'), v.nonEmpty('has no step')), 'In any order.'),
  },
  'a map with steps',
);

export const ENSEMBLE = new FileKey<EnsembleDeclaration>({
  name: 'ensemble',
  schema: SCHEMA,
  help: 'Models that answer together, instead of a model in this directory: the outputs of some are the inputs of others.',
  besideIt: (key) => `an ensemble has no ${key} of its own; say it of the models of its steps`,
});
