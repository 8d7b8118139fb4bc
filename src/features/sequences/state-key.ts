/** `state` in the pillion.yaml beside a model: which outputs are which inputs of the next step. */
import * as v from 'valibot';
import { about, choice, count, fields, named, optional, text } from '../../config/yaml/kinds.ts';
import { FileKey } from '../../models/model-file/file-key.ts';

const WANTS = 'a map with output, and initial or shape';
const MAX_DIM = 2 ** 31 - 1;

const ENTRY = v.pipe(
  fields(
    {
      output: about(text('the name of the output'), 'The output that is the input’s value in the next step.'),
      initial: optional(
        choice(['zeros', 'request']),
        'What a sequence begins with: zeros (the default), or the value that its first step brings.',
      ),
      shape: optional(
        v.array(count(0, MAX_DIM), 'a list of sizes such as [2, 1, 128]'),
        'The shape of the zeros, for one row. By default the input’s own, which needs a size for each dim but the batch.',
      ),
    },
    WANTS,
  ),
  v.check(
    ({ initial, shape }) => initial !== 'request' || shape === undefined,
    'with "initial: request" the first step brings the value, so it has no shape here; leave one of them out',
  ),
);

/** The key of pillion.yaml: states by the graph's input. */
export const STATE = new FileKey({
  name: 'state',
  schema: named(ENTRY, 'a map of inputs by the graph’s names'),
  help: 'The inputs that are outputs of the step before, by the graph’s names: the server keeps them for each sequence of requests.',
});
