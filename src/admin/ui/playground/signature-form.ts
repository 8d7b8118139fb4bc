/** The form of a signature, whatever its method: what is to be filled in, and the request's body made of it. Pure. */
import type { FeatureDetail } from '../../feature-detail.ts';
import type { SignatureDetail, TensorDetail } from '../../model-detail.ts';
import { requestBody } from './input-kinds.ts';

export const VERBS = ['predict', 'classify', 'regress'] as const;
export type Verb = (typeof VERBS)[number];

export interface FormField {
  readonly tensor: TensorDetail;
  readonly batch: SignatureDetail['batch'];
  /** What is wanted, in a few words; absent = dtype and shape say it. */
  readonly note?: string;
  /** It may be left out; says what is there then. */
  readonly leftOut?: string;
  /** What it begins with as JSON; absent = a blank of its shape. */
  readonly start?: string;
}

/** The field of a whole example, where nobody says what it holds. */
const EXAMPLE = 'example';

/** Undefined: a method that has no form. */
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
 * The REST API's body for one row or one example. Values by field; undefined ones are left out. A feature's list is flat,
 * whatever its shape.
 */
export function bodyOf(signature: SignatureDetail, values: ReadonlyMap<string, unknown>): object {
  if (!takesExamples(signature)) return requestBody(signature, values);
  const given = signature.features === undefined ? Object.entries(values.get(EXAMPLE) ?? {}) : [...values];
  const features = given.filter(([, value]) => value !== undefined).map(([name, value]) => [name, flatList(value)]);
  const head = signature.name === 'serving_default' ? {} : { signature_name: signature.name };
  return { ...head, examples: [Object.fromEntries(features)] };
}

function takesExamples(signature: SignatureDetail): boolean {
  const verb = verbOf(signature);
  return verb === 'classify' || verb === 'regress';
}

function featureField(feature: FeatureDetail): FormField {
  const { name, kind, shape, is_optional } = feature;
  const tensor = { name, dtype: kind, shape };
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
