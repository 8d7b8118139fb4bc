/** The form of a signature for any method: its fields, and the request's body from their values. Pure. */
import type { FeatureDetail } from '../../../../admin/feature-detail.ts';
import type { InputHintDetail, SampleDetail, SignatureDetail, TensorDetail } from '../../../../admin/model-detail.ts';
import { fitted, rowShape } from './input-kinds.ts';

export const VERBS = ['predict', 'classify', 'regress'] as const;
export type Verb = (typeof VERBS)[number];

export interface FormField {
  readonly tensor: TensorDetail;
  readonly batch: SignatureDetail['batch'];
  /** A hint for the user; absent = dtype and shape are enough. */
  readonly note?: string;
  /** The value that replaces it if it is left out; absent = it is required. */
  readonly leftOut?: string;
  /** The first text as JSON; absent = zeros or empty strings. */
  readonly start?: string;
  /** The row that it begins with; absent = none. */
  readonly sample?: unknown;
}

/** The field of a whole example whose features are unknown. */
const EXAMPLE = 'example';

/** The samples that fill in a field of the signature's form. */
export function samplesFor(signature: SignatureDetail, samples: readonly SampleDetail[]): readonly SampleDetail[] {
  const inputs = fieldsOf(signature).map(({ tensor }) => tensor.input ?? tensor.name);
  return samples.filter((sample) => inputs.some((input) => Object.hasOwn(sample.inputs, input)));
}

/** The fields with the sample's rows. A sample names the graph's inputs. */
export function withSample(fields: readonly FormField[], sample: SampleDetail | undefined): readonly FormField[] {
  if (sample === undefined) return fields;
  return fields.map((field) => {
    const input = field.tensor.input ?? field.tensor.name;
    if (!Object.hasOwn(sample.inputs, input)) return field;
    return { ...field, sample: fitted(sample.inputs[input], rowShape(field.tensor, field.batch)) };
  });
}

/** Undefined if the method has no form. */
export function verbOf({ method }: SignatureDetail): Verb | undefined {
  return VERBS.find((verb) => method === `tensorflow/serving/${verb}`);
}

export function fieldsOf(signature: SignatureDetail): readonly FormField[] {
  if (!takesExamples(signature)) {
    return signature.inputs.map((tensor) => ({
      tensor,
      batch: signature.batch,
      ...(tensor.has_default === true && { leftOut: 'the model’s default' }),
    }));
  }
  if (signature.features !== undefined) return signature.features.map(featureField);
  const note = 'the model reads tf.Examples itself: its features by name, each a list of numbers or of texts';
  return [{ tensor: { name: EXAMPLE, dtype: 'JSON' }, batch: 'none', note, start: '{}' }];
}

/**
 * The REST API's body for one row or one example; a signature whose rows share no batch gets columns. Undefined values
 * are left out. A feature's list is flat in any shape.
 */
export function bodyOf(signature: SignatureDetail, values: ReadonlyMap<string, unknown>): object {
  const head = signature.name === 'serving_default' ? {} : { signature_name: signature.name };
  if (!takesExamples(signature)) {
    const inputs = [...values].filter(([, value]) => value !== undefined);
    const only = signature.inputs.length === 1 && inputs.length === 1 ? inputs[0]![1] : Object.fromEntries(inputs);
    return signature.batch === 'none' ? { ...head, inputs: only } : { ...head, instances: [only] };
  }
  const given = signature.features === undefined ? Object.entries(values.get(EXAMPLE) ?? {}) : [...values];
  const features = given.filter(([, value]) => value !== undefined).map(([name, value]) => [name, flatList(value)]);
  return { ...head, examples: [Object.fromEntries(features)] };
}

function takesExamples(signature: SignatureDetail): boolean {
  const verb = verbOf(signature);
  return verb === 'classify' || verb === 'regress';
}

function featureField(feature: FeatureDetail & InputHintDetail): FormField {
  const { name, kind, shape, is_optional, input, range, picture } = feature;
  const hints = { ...(input && { input }), ...(range && { range }), ...(picture && { picture }) };
  const tensor = { ...hints, name, dtype: kind, shape };
  return { tensor, batch: 'none', ...(is_optional && { leftOut: defaultText(feature) }) };
}

function defaultText({ shape, default: value }: FeatureDetail): string {
  if (shape[0] === -1) return value === undefined ? 'no values' : `no values, padded with ${JSON.stringify(value)}`;
  if (value === undefined) return 'its default';
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)} …` : text;
}

function flatList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]).flat(Number.POSITIVE_INFINITY) : [value];
}
