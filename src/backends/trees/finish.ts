/** The functions that the objectives of both libraries apply to the sums of the trees. */
import type { Floats } from './forest.ts';
import type { Finish } from './tree-model.ts';

export const asTheyAre: Finish = (sums) => sums;

/** One function of each sum. In a Float32Array its result is rounded to float32. */
export function each(of: (sum: number) => number): Finish {
  return (sums) => {
    for (let i = 0; i < sums.length; i++) sums[i] = of(sums[i]!);
    return sums;
  };
}

export const exponential: Finish = each(Math.exp);

/** exp(x) ÷ the row's sum of them, from the row's largest, so that nothing overflows. */
export const softmax: Finish = (sums, groups) => {
  for (let start = 0; start < sums.length; start += groups) {
    const largest = sums[largestOf(sums, start, groups)]!;
    let total = 0;
    for (let i = start; i < start + groups; i++) {
      sums[i] = Math.exp(sums[i]! - largest);
      total += sums[i]!;
    }
    for (let i = start; i < start + groups; i++) sums[i] = sums[i]! / total;
  }
  return sums;
};

/** The number of the row's largest sum; the first of equals. */
export const argmax: Finish = (sums, groups) => {
  const numbers = new Float32Array(sums.length / groups);
  for (let row = 0; row < numbers.length; row++) numbers[row] = largestOf(sums, row * groups, groups) - row * groups;
  return numbers;
};

function largestOf(sums: Floats, start: number, count: number): number {
  let largest = start;
  for (let i = start + 1; i < start + count; i++) if (sums[i]! > sums[largest]!) largest = i;
  return largest;
}
