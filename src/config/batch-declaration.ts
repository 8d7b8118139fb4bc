/**
 * The owner's declaration of a model's batch axis, in the pillion.yaml beside the model or in the server's
 * configuration. It is obeyed; if the server finds something else, that is only a warning.
 */
import * as v from 'valibot';
import { about, choice, count, fields, flag, named, optional, SCALARS, together } from './yaml/kinds.ts';

/** `off`: each request is run as it came. `axes`: rows of requests share runs. */
export type BatchDeclaration = 'off' | 'axes';

const MAX_RANK = 32;
const MAX_PADDED_LENGTH = 8193;

const BATCH_AXIS = about(count(0, MAX_RANK - 1), 'The dim that holds the rows, counted from 0.');
const INPUT_WANTS = 'a map with batch_axis, or with "batch: same"';
const SAME_AND_AXIS = 'batch: same means that the input has no rows, batch_axis where they are; leave one of them out';

const INPUT = v.pipe(
  fields(
    {
      batch_axis: v.optional(BATCH_AXIS),
      batch: optional(choice(['same']), 'The input has no rows. Requests share a run only if their value is equal.'),
    },
    INPUT_WANTS,
  ),
  together(({ batch_axis: axis, batch }, say) => {
    if (axis !== undefined && batch !== undefined) say(SAME_AND_AXIS);
    if (axis === undefined && batch === undefined) say(`it has neither batch_axis nor batch; write ${INPUT_WANTS}`);
  }),
  v.transform(({ batch_axis: axis, batch }): number | 'same' => axis ?? batch!),
);

const NO_SAME = 'no value for an output: each request gets its own rows of it, so write the batch_axis that holds them';

const OUTPUT = v.pipe(
  fields({ batch_axis: BATCH_AXIS, batch: v.optional(v.never(NO_SAME)) }, 'a map with batch_axis'),
  v.transform(({ batch_axis: axis }) => axis),
);

/** The keys that a `batching` map has for it, in both files. */
export const DECLARATION_KEYS = {
  enabled: optional(flag, 'false: each request is run as it came, the same as "batching: off".'),
  inputs: optional(
    named(INPUT),
    'Where the rows of inputs are, by the graph’s names. At dim 0 if an input is not named.',
  ),
  outputs: optional(named(OUTPUT), 'Where the rows of outputs are, by the graph’s names.'),
  pad_values: optional(
    named(v.union(SCALARS, 'a number, text, true or false')),
    'What shorter rows of an input are padded with (pad_variable_length_inputs), by the graph’s names. Integers: 0 by default.',
  ),
  max_padded_length: optional(
    count(1, MAX_PADDED_LENGTH),
    'Rows are padded up to this length, and padding changes no answer: that need not be read in the graph then. Runs must show it all the same.',
  ),
};

/** `batching: off`, as a text or a boolean: YAML 1.1 reads the word as false. */
export const BATCHING_OFF = [
  v.pipe(
    v.string('one of off'),
    v.value('off', 'one of off'),
    v.transform(() => 'off' as const),
  ),
  v.pipe(
    v.literal(false),
    v.transform(() => 'off' as const),
  ),
] as const;

/** The values of DECLARATION_KEYS, in camel case. */
export interface DeclaredBatching {
  readonly enabled?: boolean | undefined;
  readonly inputs?: ReadonlyMap<string, number | 'same'> | undefined;
  readonly outputs?: ReadonlyMap<string, number> | undefined;
  readonly padValues?: ReadonlyMap<string, PadValue> | undefined;
  readonly maxPaddedLength?: number | undefined;
}

/** One element, as it is written. */
export type PadValue = number | bigint | boolean | string;

/** The declaration of a `batching` key; undefined if it is left to the server. */
export function declarationOf(batching: DeclaredBatching | 'off' | undefined): BatchDeclaration | undefined {
  if (batching === 'off' || batching?.enabled === false) return 'off';
  return batching?.inputs === undefined && batching?.outputs === undefined ? undefined : 'axes';
}
