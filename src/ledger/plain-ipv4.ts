/** The prefix of an IPv4 address in IPv6's form, as sockets that take both families show it (RFC 4291, 2.5.5.2). */
const MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/** An IPv4 address in IPv6's form as IPv4 writes it; any other text as it is. */
export function plainIPv4(address: string): string {
  return address.replace(MAPPED, '');
}
