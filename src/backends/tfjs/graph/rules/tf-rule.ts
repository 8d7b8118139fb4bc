/** The type of a rule for an op of TensorFlow. */
import type { Outputs } from '../../../graph/node-call.ts';
import type { TfCall } from '../tf-call.ts';

export type TfRule = (call: TfCall) => Outputs;
export type TfRules = Readonly<Record<string, TfRule>>;

/** Each name of the list, with spaces between, has the rule. */
export function each(names: string, rule: TfRule): TfRules {
  return Object.fromEntries(names.split(' ').map((name) => [name, rule]));
}

/** The rule of an op of ONNX, which has the same inputs in the same order and wants no attribute. */
export function alias(op: string): TfRule {
  return (call) => call.as(op);
}
