/**
 * The caller of a request: the one definition for the whole server. It is an opaque text. Two requests with the same
 * text are one caller's; how many connections it opens makes no difference, unless it is local.
 *
 *   a principal          whom the access control knows, by an API key, a JWT or a client certificate
 *   --caller_header      the header's value, as the client or the proxy in front sent it
 *   a trusted proxy      the address that it tells (ToldClient), as the peer's below
 *   mutual TLS           the certificate's SPIFFE id, else its subject (peer-identity.ts)
 *   the peer's address   IPv4: the address; IPv6: its first 64 bits. With --proxy_protocol as the proxy tells it
 *   `local:N`            Unix sockets and loopback: one connection. Node cannot tell the processes of this pod apart,
 *                        and most sidecars have no other callers
 *
 * The kind is a part of the text, so that a header cannot pass for a certificate.
 *
 * IPv6: a host owns all addresses of its /64 (RFC 4291, 2.5.1) and takes a new one each day (RFC 8981), so a whole
 * address would be a new caller whenever the client likes. Where many pods share one /64, a header or certificates tell
 * them apart. Link-local addresses are whole, as all hosts of a link share their prefix. IPv4-mapped addresses are IPv4.
 */
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { plainIPv4 } from '../ledger/plain-ipv4.ts';
import type { ClientFacts } from '../ledger/request-record.ts';
import { type Propagation, W3C } from '../ledger/tracing/propagation.ts';
import type { AccessControl, Visitor } from './access-control.ts';
import { peerAddressOf } from './net/peer-address.ts';
import { type PeerIdentity, peerIdentity } from './peer-identity.ts';

/** The client of a request, by the trusted hops in front. */
export interface ToldClient extends ClientFacts {
  /** The list for `x-forwarded-for`, from the client to the hop before the peer; empty if no address is known. */
  readonly hops: string;
  /** `forwarded` names the same client as `x-forwarded-for`, or is alone, and begins with it. */
  readonly isForwardedSound: boolean;
}

/** The value of a header by its name in lower case, several joined by commas; undefined without it. */
export type HeaderOf = (name: string) => string | undefined;

/** Decides who is believed in what they say of their clients. Absent where no feature trusts a proxy. */
export interface TrustedProxies {
  /** The peer of an open connection may say for whom it asks. Found out once for each connection. */
  trusts(connection: Duplex): boolean;
  /** Reads a request of a peer that is trusted. Undefined: its headers say nothing. */
  clientIn(headerOf: HeaderOf): ToldClient | undefined;
}

/** The address of a connection whose peer is unknown or of this machine; its number or port makes the caller. */
const LOCAL = 'local';

/** The kind of callers that `--caller_header` names. */
const HEADER = 'header';

/** Longer texts of callers are replaced by their hash, so that a caller costs little memory. */
const MAX_TEXT_LENGTH = 128;

export class Callers {
  /** The header's name in lower case; undefined if callers are told apart by their connections alone. */
  readonly header: string | undefined;
  /** Undefined: everybody may ask everything. */
  readonly access: AccessControl | undefined;
  /** The header by which a request asks for a report on its answer (answer-reports.ts), in lower case; undefined: none. */
  readonly reportHeader: string | undefined;
  /** How the span of a caller is read. */
  readonly propagation: Propagation;
  /** Undefined: no proxy is trusted. */
  readonly proxies: TrustedProxies | undefined;
  readonly #visitors = new WeakMap<Duplex, Visitor>();
  readonly #byConnection = new WeakMap<Duplex, string>();
  #connections = 0;

  /** `header`: its name, as in `--caller_header`; empty = none. */
  constructor(header = '', access?: AccessControl, reportHeader?: string, propagation = W3C, proxies?: TrustedProxies) {
    this.propagation = propagation;
    this.access = access;
    this.proxies = proxies;
    this.reportHeader = reportHeader;
    this.header = header === '' ? undefined : header.toLowerCase();
  }

  /** The caller of a connection. Found out once for each, while it is open. */
  ofConnection(connection: Duplex): string {
    const known = this.#byConnection.get(connection);
    if (known !== undefined) return known;
    this.#connections += 1;
    const identity = peerIdentity(connection);
    const caller = identity === undefined ? this.#callerAt(peerAddressOf(connection)) : callerOfIdentity(identity);
    this.#byConnection.set(connection, caller);
    return caller;
  }

  /** The caller of a request that names none itself: its client's, if a trusted proxy has told that, else its connection's. */
  ofClient(connection: Duplex, client: ToldClient | undefined): string {
    return client?.address === undefined ? this.ofConnection(connection) : callerFar(client.address);
  }

  /** The client of a request as its peer tells it, if that is a trusted proxy. */
  clientOf(connection: Duplex, headerOf: HeaderOf): ToldClient | undefined {
    return this.trusts(connection) ? this.proxies!.clientIn(headerOf) : undefined;
  }

  /** The connection's peer is a trusted proxy. */
  trusts(connection: Duplex): boolean {
    return this.proxies?.trusts(connection) === true;
  }

  #callerAt({ address, isFromProxy }: ReturnType<typeof peerAddressOf>): string {
    return isFromProxy ? callerFar(address!) : callerAt(address, this.#connections);
  }

  /** Finds out the principals of a connection's requests; undefined without access control. */
  visitorOf(connection: Duplex): Visitor | undefined {
    if (this.access === undefined) return undefined;
    let visitor = this.#visitors.get(connection);
    if (visitor === undefined) {
      visitor = this.access.visitor(peerIdentity(connection));
      this.#visitors.set(connection, visitor);
    }
    return visitor;
  }
}

/** The caller that a header names; undefined without the header, or if it is empty. */
export function callerInHeader(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : `${HEADER}:${bounded(value)}`;
}

/** A header has named it. */
export function isInHeader(caller: string): boolean {
  return caller.startsWith(`${HEADER}:`);
}

/** The caller at an IP address; local for undefined. `connection` tells connections apart, as a number of its own. */
export function callerAt(address: string | undefined, connection: number): string {
  return peerAt(address) ?? `${LOCAL}:${connection}`;
}

/** The caller at an address that a proxy has told: its loopback is that of another machine. */
export function callerFar(address: string): string {
  return peerAt(address) ?? `ip:${address}`;
}

/** The peer at an IP address, as above; undefined for one of this machine. */
export function peerAt(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  const ip = plainIPv4(address);
  if (ip === '::1' || ip.startsWith('127.')) return undefined;
  if (!ip.includes(':') || /^fe[89ab]/i.test(ip)) return `ip:${bounded(ip)}`;
  return `ip:${firstGroups(ip).join(':')}::/64`;
}

/**
 * The owner of what a caller leaves behind from one request to the next, such as a sequence. All local connections are
 * one: nothing tells their peers apart, and a client uses any connection of its pool for its next request.
 */
export function ownerOf(caller: string): string {
  return isLocal(caller) ? LOCAL : caller;
}

/** It is on this machine, and nothing names it. */
export function isLocal(caller: string): boolean {
  return caller.startsWith(`${LOCAL}:`);
}

/** The caller that a verified client certificate names. */
export function callerOfIdentity({ spiffe, subject }: Pick<PeerIdentity, 'spiffe' | 'subject'>): string {
  return `tls:${bounded(spiffe ?? subject)}`;
}

function bounded(text: string): string {
  if (text.length <= MAX_TEXT_LENGTH) return text;
  return `sha256:${createHash('sha256').update(text).digest('base64url')}`;
}

/** The first four of the eight groups of an IPv6 address, without leading zeros. */
function firstGroups(address: string): readonly string[] {
  const [before = '', after] = address.toLowerCase().split('::', 2);
  const groups = before === '' ? [] : before.split(':');
  const rest = after === undefined || after === '' ? [] : after.split(':');
  if (after !== undefined) while (groups.length + rest.length < 8) groups.push('0');
  return [...groups, ...rest].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
}
