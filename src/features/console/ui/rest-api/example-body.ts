/** A first body for a call, which fits a model's signature. Pure. */
import type { SignatureDetail } from '../../../../admin/model-detail.ts';
import { blank } from '../playground/input-kinds.ts';
import { bodyOf, fieldsOf, verbOf } from '../playground/signature-form.ts';
import { jsonText } from './json-text.ts';

const DATATYPES: Readonly<Record<string, string>> = { float: 'FP', int: 'INT', uint: 'UINT', bfloat: 'BF' };

/** @param schema the name of the body's schema in the description */
export function exampleBody(schema: string, signatures: readonly SignatureDetail[]): string {
  const ofVerb = (...verbs: readonly string[]): SignatureDetail | undefined =>
    signatures.find((each) => verbs.includes(verbOf(each) ?? ''));
  const predict = ofVerb('predict');
  return jsonText(example(schema, predict, ofVerb('classify', 'regress')) ?? {});
}

function example(
  schema: string,
  predict: SignatureDetail | undefined,
  ofExamples: SignatureDetail | undefined,
): object | undefined {
  if (schema === 'ExamplesRequest') return ofExamples && bodyOf(ofExamples, blanks(ofExamples));
  if (predict === undefined) return undefined;
  if (schema === 'PredictRequest') return bodyOf(predict, blanks(predict));
  if (schema === 'Generated') return Object.fromEntries(blanks(predict));
  return schema === 'InferRequest' ? { inputs: inferInputs(predict) } : undefined;
}

function blanks(signature: SignatureDetail): ReadonlyMap<string, unknown> {
  return new Map(fieldsOf(signature).map(({ tensor, batch }) => [tensor.name, blank(tensor, batch)]));
}

function inferInputs({ batch, inputs }: SignatureDetail): readonly object[] {
  return inputs.map((tensor) => {
    const row = blank(tensor, batch);
    const whole = batch === 'none' ? row : [row];
    return {
      ...{ name: tensor.name, datatype: datatypeOf(tensor.dtype), shape: sizesOf(whole) },
      data: [whole].flat(Number.POSITIVE_INFINITY),
    };
  });
}

/** 'float32' → 'FP32', as the Open Inference Protocol names it. */
function datatypeOf(dtype: string): string {
  if (dtype === 'string') return 'BYTES';
  const [, kind = '', bits = ''] = /^([a-z]+)(\d*)$/.exec(dtype) ?? [];
  return Object.hasOwn(DATATYPES, kind) ? DATATYPES[kind]! + bits : dtype.toUpperCase();
}

function sizesOf(value: unknown): readonly number[] {
  return Array.isArray(value) ? [value.length, ...sizesOf(value[0])] : [];
}
