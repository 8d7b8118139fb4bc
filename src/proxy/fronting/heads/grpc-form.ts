/** Recognizes a fronted request of gRPC, and writes its deadline. */

const GRPC_CONTENT_TYPE = /^application\/grpc(?:$|[+;])/i;

/** Not gRPC-Web: its answers are in HTTP/1.1's form. */
export function isGrpcType(contentType: string | undefined): boolean {
  return contentType !== undefined && GRPC_CONTENT_TYPE.test(contentType);
}

/** The largest value of a timeout: it has eight digits at most. */
const MOST = 99_999_999;
const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['n', 1e-6],
  ['u', 1e-3],
  ['m', 1],
  ['S', 1000],
  ['M', 60_000],
  ['H', 3_600_000],
];

/** `grpc-timeout` of so many milliseconds, rounded down, in the finest unit that has room for it. */
export function formatGrpcTimeout(ms: number): string {
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(ms / unitMs);
    if (count <= MOST) return `${Math.max(0, count)}${unit}`;
  }
  return `${MOST}H`;
}
