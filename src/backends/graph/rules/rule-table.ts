/** The rules of ops. Ops that are not here are undecided, unless no input of theirs comes from the rows. */
import type { Rule, Rules } from '../node-call.ts';
import { ATTENTION_RULES } from './attention-rules.ts';
import { AXIS_RULES } from './axis-rules.ts';
import { CONTROL_RULES } from './control-rules.ts';
import { ELEMENTWISE_RULES } from './elementwise-rules.ts';
import { GATHER_RULES } from './gather-rules.ts';
import { IMAGE_RULES } from './image-rules.ts';
import { LAYOUT_RULES } from './layout-rules.ts';
import { MATRIX_RULES } from './matrix-rules.ts';
import { MICROSOFT_RULES } from './microsoft-rules.ts';
import { ML_RULES, TEXT_RULES } from './ml-rules.ts';
import { RECURRENT_RULES } from './recurrent-rules.ts';
import { REPEAT_RULES } from './repeat-rules.ts';

const ONNX_RULES: Rules = {
  ...ELEMENTWISE_RULES,
  ...AXIS_RULES,
  ...LAYOUT_RULES,
  ...REPEAT_RULES,
  ...GATHER_RULES,
  ...MATRIX_RULES,
  ...IMAGE_RULES,
  ...RECURRENT_RULES,
  ...CONTROL_RULES,
  ...TEXT_RULES,
  ...ATTENTION_RULES,
  // ONNX Runtime's own, from before ai.onnx had them.
  SimplifiedLayerNormalization: MICROSOFT_RULES['SimplifiedLayerNormalization']!,
};

const BY_DOMAIN: ReadonlyMap<string, Rules> = new Map([
  ['', ONNX_RULES],
  ['ai.onnx.ml', ML_RULES],
  ['com.microsoft', MICROSOFT_RULES],
]);

/** The ops whose results differ from run to run. */
const RANDOM = new Set([
  'Bernoulli',
  // One of training. Others have a rule.
  'Dropout',
  'Multinomial',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
]);

export function ruleOf(domain: string, op: string): Rule | undefined {
  const rules = BY_DOMAIN.get(domain);
  return rules !== undefined && Object.hasOwn(rules, op) ? rules[op] : undefined;
}

/** Whether equal inputs always give equal outputs. False for ops of other domains, of which nobody knows. */
export function isDeterministic(domain: string, op: string): boolean {
  return BY_DOMAIN.has(domain) && !RANDOM.has(op);
}
