/** The schema of what a model's pillion.yaml says for people who try it: ranges, pictures and samples of inputs. */
import * as v from 'valibot';
import { count, fields, named, number, optional, text } from '../../config/yaml/kinds.ts';
import { factKey } from '../../core/collections/facts.ts';
import { VALUE } from './value-schema.ts';

const MOST_SAMPLES = 100;
const MOST_SIDE = 4096;
const MOST_VALUE = 1e38;
const RANGE_WANTS = 'two numbers, the lowest first, such as [0, 255]';
const PICTURE_WANTS = 'the height and the width in pixels, such as [28, 28]';
const SAMPLES_WANTS = 'a list of samples, or the name of a file beside this one that holds such a list';

const RANGE = v.pipe(
  v.array(number(-MOST_VALUE, MOST_VALUE), RANGE_WANTS),
  v.check((ends) => ends.length === 2 && ends[0]! < ends[1]!, `this is no range; write ${RANGE_WANTS}`),
  v.transform(([lowest, highest]): readonly [number, number] => [lowest!, highest!]),
);

const PICTURE = v.pipe(
  v.array(count(1, MOST_SIDE), PICTURE_WANTS),
  v.check((sides) => sides.length === 2, `this is no size of a picture; write ${PICTURE_WANTS}`),
  v.transform(([height, width]): readonly [number, number] => [height!, width!]),
);

const INPUT = fields(
  {
    range: optional(RANGE, 'The lowest and the highest value: of a picture, black and white.'),
    picture: optional(PICTURE, 'One row is a picture of this height and width, whatever the shape says.'),
  },
  'a map with range and picture',
);

/** Hints by the graph's input. */
export const INPUTS = named(INPUT, 'a map of inputs by name');

const SAMPLE = fields(
  {
    name: text('the name that people choose it by'),
    inputs: named(VALUE, "a map of values by the graph's input"),
  },
  'a map with name and inputs',
);

/** The schema of a file of samples. */
export const SAMPLE_LIST = v.pipe(
  v.array(SAMPLE, 'a list of samples'),
  v.check((samples) => samples.length <= MOST_SAMPLES, `this list is too long; write ${MOST_SAMPLES} samples at most`),
);

export const SAMPLES = v.union([text(), SAMPLE_LIST], SAMPLES_WANTS);

export type InputHint = v.InferOutput<typeof INPUT>;
/** One row of each input that it names. */
export type Sample = v.InferOutput<typeof SAMPLE>;

/** The part of the model's pillion.yaml for people who try it; requests do not read it. */
export interface TryOut {
  /** Hints by the graph's input. */
  readonly inputs: ReadonlyMap<string, InputHint>;
  readonly samples: readonly Sample[];
  /** Names that signatures give inputs → the graph's input, by signature; only of signatures that rename some. */
  readonly graphInputs: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** The fact of a version whose pillion.yaml says something of it. */
export const TRY_OUT = factKey<TryOut>('try-out');
