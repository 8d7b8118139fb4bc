/** Numbers for people: three significant digits, a thin space, a unit. */

const THIN = '\u2009';

/** 0.042 → "0.04", 3.14159 → "3.14", 128.4 → "128", 12345 → "12.3 k". */
export function count(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${digits(value / 1e6)}${THIN}M`;
  if (size >= 1e4) return `${digits(value / 1e3)}${THIN}k`;
  return digits(value);
}

/** Milliseconds: "42 µs", "3.1 ms", "1.2 s". */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return '–';
  if (ms >= 1000) return `${digits(ms / 1000)}${THIN}s`;
  if (ms >= 1 || ms === 0) return `${digits(ms)}${THIN}ms`;
  return `${digits(ms * 1000)}${THIN}µs`;
}

/** 0.998 → "99.8 %"; a share below 1 never becomes 100 %. */
export function percent(share: number | undefined): string {
  if (share === undefined) return '–';
  const value = share * 100;
  const isNear = value < 100 && value > 99;
  return `${isNear ? (Math.floor(value * 100) / 100).toString() : digits(value)}${THIN}%`;
}

export function bytes(value: number | undefined): string {
  if (value === undefined) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let unit = 0;
  let left = value;
  while (left >= 1024 && unit < units.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return `${digits(left)}${THIN}${units[unit]}`;
}

/** An age: "12 s", "5 min", "3 h". */
export function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds}${THIN}s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes}${THIN}min` : `${Math.round(minutes / 60)}${THIN}h`;
}

function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toString();
  return Number(value.toFixed(size >= 10 ? 1 : 2)).toString();
}

/** A proportion: "× 1.2", "× 0.004"; one too small to write is no 0. */
export function ratio(a: number | undefined, b: number | undefined): string {
  if (a === undefined || b === undefined || a === 0) return '–';
  const value = b / a;
  if (value === 0 || value >= 0.1) return `× ${count(value)}`;
  return value < 0.0005 ? '× < 0.001' : `× ${Number(value.toFixed(3))}`;
}
