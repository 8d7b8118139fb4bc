/**
 * Serialized tf.Examples → the input tensors of FeatureSpecs: tf.io.parse_example for runtimes without one.
 *
 * Each spec gets one tensor of shape [examples, ...spec.shape], in the specs' order. Features without a spec are
 * skipped. As in protobuf, the last of two entries with one name counts, and unknown fields are skipped.
 *
 * Strings are views of the examples; numbers are in memory of their own, limited by `maxBytes`.
 */
import type { FeatureSpec } from '../../../core/feature-spec.ts';
import type { Tensor, TensorMap } from '../../../core/tensor.ts';
import { lengthDelimited, WireReader } from '../../protobuf/wire-reader.ts';
import { tensorBudget } from '../tensor-proto/tensor-budget.ts';
import { FeatureColumn, FeaturePlace } from './feature-column.ts';
import { FeatureValues } from './feature-values.ts';

/** Example {1 features}, Features {1 feature: a map {1 key, 2 value}}. */
const FEATURES = 1;
const FEATURE = 1;
const MAP_KEY = 1;

export interface ParseOptions {
  /** The name in error texts. */
  readonly signatureName: string;
  /** The most bytes that all tensors may take together. */
  readonly maxBytes: number;
}

/** Throws ServingError: `invalid_request`, which names example and feature, or `too_large`. */
export function parseExamples(
  specs: readonly FeatureSpec[],
  examples: readonly Uint8Array[],
  options: ParseOptions,
): TensorMap {
  const budget = tensorBudget(options.maxBytes);
  const columns = specs.map((spec) => new FeatureColumn(spec, examples.length, budget));
  const wanted = new Map(specs.map(({ name }, index) => [name, index]));
  const entries = new Int32Array(2 * specs.length);
  const place = new FeaturePlace(options.signatureName);
  for (let i = 0; i < examples.length; i++) {
    place.example = i;
    const reader = new WireReader(examples[i]!, `example ${i}`);
    findEntries(reader, wanted, entries);
    const values = new FeatureValues(reader);
    for (let c = 0; c < columns.length; c++) {
      place.feature = columns[c]!.spec.name;
      readFeature(columns[c]!, values, reader, entries[2 * c]!, entries[2 * c + 1]!, place);
    }
  }
  const tensors = new Map<string, Tensor>();
  for (const column of columns) tensors.set(column.spec.input, column.tensor());
  return tensors;
}

function readFeature(
  column: FeatureColumn,
  values: FeatureValues,
  reader: WireReader,
  start: number,
  end: number,
  place: FeaturePlace,
): void {
  if (end === 0) {
    column.missing(place);
    return;
  }
  values.open(start, end);
  if (values.kind === undefined) column.missing(place);
  else column.add(values, reader, place);
}

/** Finds the map entries of the wanted features: [start, end] at twice their index; end 0 = there is none. */
function findEntries(reader: WireReader, wanted: ReadonlyMap<string, number>, entries: Int32Array): void {
  entries.fill(0);
  while (reader.next()) {
    if (reader.tag !== lengthDelimited(FEATURES)) {
      reader.skip();
      continue;
    }
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.tag === lengthDelimited(FEATURE)) findEntry(reader, wanted, entries);
      else reader.skip();
    }
    reader.leave(outer);
  }
}

function findEntry(reader: WireReader, wanted: ReadonlyMap<string, number>, entries: Int32Array): void {
  const outer = reader.enter();
  const start = reader.position;
  let name = '';
  while (reader.next()) {
    if (reader.tag === lengthDelimited(MAP_KEY)) name = reader.string();
    else reader.skip();
  }
  const index = wanted.get(name);
  if (index !== undefined) {
    entries[2 * index] = start;
    entries[2 * index + 1] = reader.end;
  }
  reader.leave(outer);
}
