/** Quantities in sentences. Pure. */

/** Two significant digits, or whole: 0.333 → "0.33", 1.5 → "1.5", 12.3 → "12", 4711 → "4711". */
export function showNumber(value: number): string {
  return String(value >= 100 ? Math.round(value) : Number(value.toPrecision(2)));
}

/** A duration: 0.05 → "0.05 ms", 12.3 → "12 ms". */
export function showMs(ms: number): string {
  return `${showNumber(ms)} ms`;
}

/** 0.123 → "12 %". More than all is all. */
export function showShare(share: number): string {
  return `${showNumber(Math.min(1, share) * 100)} %`;
}
