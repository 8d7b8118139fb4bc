/** The inputs of one request have equally many rows, where the model's config.pbtxt says that they have rows. */
import type { Facts } from '../../core/collections/facts.ts';
import { invalidRequest } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { GIVEN_CONFIG } from './exported/model-config.ts';

/** Throws `invalid_request`. */
export function checkRows(model: string, inputs: TensorMap, facts: Facts): void {
  let first: readonly [name: string, rows: number | undefined] | undefined;
  for (const [name, { shape }] of inputs) {
    first ??= [name, shape[0]];
    if (shape[0] === first[1]) continue;
    if ((facts.get(GIVEN_CONFIG)?.config.maxBatchSize ?? 0) === 0) return;
    // A scalar has none.
    const rows = `${quoteName(first[0])} has ${first[1] ?? 'no'} rows and ${quoteName(name)} ${shape[0] ?? 'none'}`;
    throw invalidRequest(
      `input '${first[0]}' batch size does not match other inputs for '${model}'; ${rows}: send equally many`,
    );
  }
}
