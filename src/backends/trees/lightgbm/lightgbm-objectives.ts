/**
 * LightGBM's objectives: what becomes of the sums of the trees, in float64. A file has the name with parameters:
 * "binary sigmoid:1", "regression sqrt". Source: src/objective/ of LightGBM, each objective's ConvertOutput.
 */
import { asTheyAre, each, exponential, softmax } from '../finish.ts';
import type { Finish } from '../tree-model.ts';

/** Words after the name: "sigmoid:1" → ["sigmoid", "1"], "sqrt" → ["sqrt", ""]. */
type Parameters = ReadonlyMap<string, string>;

const logistic = (steepness: number): Finish => each((x) => 1 / (1 + Math.exp(-steepness * x)));
const squared: Finish = each((x) => Math.sign(x) * x * x);

const regression = (parameters: Parameters): Finish => (parameters.has('sqrt') ? squared : asTheyAre);
const sigmoid = (parameters: Parameters): Finish => logistic(sigmoidOf(parameters));

const OBJECTIVES: Readonly<Record<string, (parameters: Parameters) => Finish>> = {
  regression,
  regression_l1: regression,
  huber: regression,
  fair: regression,
  quantile: regression,
  mape: regression,
  poisson: () => exponential,
  gamma: () => exponential,
  tweedie: () => exponential,
  binary: sigmoid,
  multiclass: () => softmax,
  multiclassova: sigmoid,
  cross_entropy: () => logistic(1),
  cross_entropy_lambda: () => each((x) => Math.log1p(Math.exp(x))),
  lambdarank: () => asTheyAre,
  rank_xendcg: () => asTheyAre,
  // The trainer has a function of its own: LightGBM itself predicts the sums.
  custom: () => asTheyAre,
};

/** `text` is the file's; '' = none. Throws a plain Error for an objective that is not known. */
export function finishOf(text: string): Finish {
  const [name = '', ...words] = text.split(' ').filter((word) => word !== '');
  if (name === '') return asTheyAre;
  const make = Object.hasOwn(OBJECTIVES, name) ? OBJECTIVES[name] : undefined;
  if (make === undefined) {
    throw new Error(`objective "${name}" is not served; use ${Object.keys(OBJECTIVES).join(', ')}`);
  }
  return make(
    new Map(
      words.map((word) => {
        const [key, value = ''] = word.split(':');
        return [key!, value] as const;
      }),
    ),
  );
}

function sigmoidOf(parameters: Parameters): number {
  const steepness = Number(parameters.get('sigmoid') ?? 1);
  if (steepness > 0 && Number.isFinite(steepness)) return steepness;
  throw new Error(`the objective's sigmoid is ${parameters.get('sigmoid')}; it must be a number above 0`);
}
