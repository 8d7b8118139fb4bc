/**
 * The header of the PROXY protocol, versions 1 and 2, as "The PROXY protocol" of HAProxy (proxy-protocol.txt) has it:
 *
 *   1   PROXY TCP4 192.0.2.7 192.0.2.1 51034 8500\r\n                         text, at most 107 bytes
 *   2   signature (12) │ version, command │ family, transport │ length (2) │ addresses │ TLVs
 *
 * Pure: it is given all bytes so far, and again with more of them until it knows. The bytes behind the header are not
 * looked at. TLVs are passed over; their checksum is not verified, as TCP has its own.
 */
import type { Buffer } from 'node:buffer';
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { PeerAddress } from '../../proxy/net/peer-address.ts';

/** The longest header of version 1, with its line end. */
export const MAX_V1_BYTES = 107;
/** The most bytes of addresses and TLVs. Addresses take up to 216; the rest is for TLVs, such as certificate names. */
export const MAX_V2_LENGTH = 4096;

export interface ProxyHeader {
  /** Undefined: the socket's address counts (LOCAL: the proxy's own connection; UNKNOWN; no TCP over IP). */
  readonly client: PeerAddress | undefined;
  /** The length of the header. */
  readonly bytes: number;
}

/** `absent`: the bytes begin no header. */
export const PROXY_MISTAKES = ['absent', 'malformed', 'too_long'] as const;
export type ProxyMistake = (typeof PROXY_MISTAKES)[number];

const V1_PREFIX = 'PROXY ';
const V2_SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
const V2_HEAD_BYTES = 16;
const V1_UNKNOWN = /^PROXY UNKNOWN(?: .*)?$/;
const V1_LINE = /^PROXY TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;

const LOCAL = 0x20;
const PROXY = 0x21;
const TCP_IPV4 = 0x11;
const TCP_IPV6 = 0x21;
/** The bytes of the addresses by address family: unspecified, IPv4, IPv6, Unix. */
const ADDRESS_BYTES = [0, 12, 36, 216];
const MAX_TRANSPORT = 2;

/** Undefined: more bytes are wanted. */
export function readProxyHeader(bytes: Buffer): ProxyHeader | ProxyMistake | undefined {
  if (bytes.length === 0) return undefined;
  const isV2 = bytes[0] === V2_SIGNATURE.charCodeAt(0);
  const prefix = isV2 ? V2_SIGNATURE : V1_PREFIX;
  const begun = bytes.toString('latin1', 0, prefix.length);
  if (!prefix.startsWith(begun)) return 'absent';
  if (begun.length < prefix.length) return undefined;
  return isV2 ? readV2(bytes) : readV1(bytes);
}

function readV1(bytes: Buffer): ProxyHeader | ProxyMistake | undefined {
  const text = bytes.toString('latin1', 0, MAX_V1_BYTES);
  const end = text.indexOf('\r\n');
  if (end === -1) return text.length < MAX_V1_BYTES ? undefined : 'too_long';
  const line = text.slice(0, end);
  const length = end + 2;
  if (V1_UNKNOWN.test(line)) return { client: undefined, bytes: length };
  const [, family, source, destination, port, toPort] = V1_LINE.exec(line) ?? [];
  const isAddress = family === '4' ? isIPv4 : isPlainIPv6;
  if (source === undefined || !isAddress(source) || !isAddress(destination!)) return 'malformed';
  if (Number(port) > 65_535 || Number(toPort) > 65_535) return 'malformed';
  return { client: { address: shortest(source), port: Number(port) }, bytes: length };
}

function readV2(bytes: Buffer): ProxyHeader | ProxyMistake | undefined {
  const [command, protocol] = [bytes[12], bytes[13]];
  if (command !== undefined && command !== LOCAL && command !== PROXY) return 'malformed';
  // The protocol of LOCAL is ignored.
  if (command !== LOCAL && protocol !== undefined && !isProtocol(protocol)) return 'malformed';
  if (bytes.length < V2_HEAD_BYTES) return undefined;
  const length = bytes.readUInt16BE(14);
  if (length > MAX_V2_LENGTH) return 'too_long';
  const isProxied = command === PROXY;
  if (isProxied && length < ADDRESS_BYTES[protocol! >> 4]!) return 'malformed';
  if (bytes.length < V2_HEAD_BYTES + length) return undefined;
  return { client: isProxied ? clientIn(bytes, protocol!) : undefined, bytes: V2_HEAD_BYTES + length };
}

function isProtocol(protocol: number): boolean {
  return protocol >> 4 < ADDRESS_BYTES.length && (protocol & 0x0f) <= MAX_TRANSPORT;
}

function clientIn(bytes: Buffer, protocol: number): PeerAddress | undefined {
  const at = V2_HEAD_BYTES;
  if (protocol === TCP_IPV4) {
    return { address: bytes.subarray(at, at + 4).join('.'), port: bytes.readUInt16BE(at + 8) };
  }
  if (protocol !== TCP_IPV6) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i).toString(16));
  return { address: shortest(groups.join(':')), port: bytes.readUInt16BE(at + 32) };
}

/** An address without a zone, which means nothing on another machine. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

/** The address as sockets show it. */
function shortest(address: string): string {
  return isIPv4(address) ? address : new SocketAddress({ address, family: 'ipv6' }).address;
}
