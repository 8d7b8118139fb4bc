/** Weights that fall with rank to the power `exponent`, largest first, summed up for `pick`. */
export function zipfCumulative(count: number, exponent: number): number[] {
  let sum = 0;
  return Array.from({ length: count }, (_, rank) => {
    sum += 1 / (rank + 1) ** exponent;
    return sum;
  });
}
