/**
 * The `grpc-timeout` header: 1 to 8 digits and a unit (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 * Milliseconds are a float, so a nanosecond is not lost and 99999999H (11,000 years) does not overflow.
 */

const GRPC_TIMEOUT = /^([0-9]{1,8})([HMSmun])$/;

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds; undefined if the header is malformed. */
export function parseGrpcTimeout(header: string): number | undefined {
  const match = GRPC_TIMEOUT.exec(header);
  return match === null ? undefined : Number(match[1]) * UNIT_MS[match[2]!]!;
}
