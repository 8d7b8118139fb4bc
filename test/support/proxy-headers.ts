/** Headers of the PROXY protocol as a proxy writes them. */
import { Buffer } from 'node:buffer';

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

/** Version 2. `protocol`: family and transport. */
export function headerV2(command: number, protocol: number, addresses: Uint8Array, tlvs: Uint8Array = Buffer.alloc(0)) {
  const head = Buffer.from([command, protocol, 0, 0]);
  head.writeUInt16BE(addresses.length + tlvs.length, 2);
  return Buffer.concat([SIGNATURE, head, addresses, tlvs]);
}

/** Version 2 of a TCP connection over IPv4, to 192.0.2.1:8500. */
export function headerV2Of(address: string, port: number, tlvs?: Uint8Array): Buffer {
  const addresses = Buffer.from([...address.split('.').map(Number), 192, 0, 2, 1, 0, 0, 0, 0]);
  addresses.writeUInt16BE(port, 8);
  addresses.writeUInt16BE(8500, 10);
  return headerV2(0x21, 0x11, addresses, tlvs);
}

/** Version 1 of a TCP connection over IPv4, to 192.0.2.1:8500. */
export function headerV1Of(address: string, port: number): Buffer {
  return Buffer.from(`PROXY TCP4 ${address} 192.0.2.1 ${port} 8500\r\n`);
}
