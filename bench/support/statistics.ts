/** Few figures, honestly: medians of rounds, and ratios taken round by round so that the machine's moods cancel. */

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which `share` of all lie, between neighbours in proportion. NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** a[i] / b[i]: each round's ratio is of neighbours in time. */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, i) => value / b[i]!);
}

export function medianRatio(a: readonly number[], b: readonly number[]): number {
  return median(ratios(a, b));
}

/** How likely an interval of medianInterval's holds the median, at the least, where there are eight values or more. */
const CONFIDENCE = 0.99;

/**
 * An interval that holds the median of what the values were drawn from, whatever its distribution: between the k-th
 * lowest and the k-th highest value, with the largest k that CONFIDENCE allows (the sign test's interval: Conover,
 * Practical Nonparametric Statistics, 3.2). Fewer than eight values give the lowest and the highest, with less
 * confidence: four hold it seven times in eight.
 */
export function medianInterval(values: readonly number[]): [low: number, high: number] {
  const sorted = [...values].sort((a, b) => a - b);
  const count = sorted.length;
  // Probability that fewer than k of all fall on one side: the binomial distribution's lower tail.
  let k = 0;
  let [term, tail] = [0.5 ** count, 0];
  while (k < count / 2 && 2 * (tail + term) <= 1 - CONFIDENCE) {
    tail += term;
    term *= (count - k) / (k + 1);
    k += 1;
  }
  k = Math.max(k, 1);
  return [sorted[k - 1]!, sorted[count - k]!];
}

/** How many of the values, which rise, are below `value`. */
export function lowerBound(sorted: ArrayLike<number>, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
