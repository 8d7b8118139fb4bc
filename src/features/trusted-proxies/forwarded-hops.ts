/**
 * Pure. Finds a request's client in what proxies say of it, from the last hop on:
 *
 *   x-forwarded-for: 203.0.113.9, 198.51.100.7, 10.0.0.9          peer 10.0.0.5, trusted: 10.0.0.0/8
 *                    └ anybody    └ the client  └ trusted: it is believed in what stands before it
 *
 * The client is the first hop from the right that is not trusted, or else the first of the list. A hop without an
 * address (`unknown`, a name, rubbish) hides who is behind it: the hop that tells of it counts.
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { plainIPv4 } from '../../ledger/plain-ipv4.ts';

/** Hops that are looked at; no way to a server has so many. */
const MAX_HOPS = 32;
/** An address of IPv6 with brackets and a port. */
const MAX_HOP_CHARS = 64;
/** `forwarded` is read from its beginning, so all of it costs time. */
const MAX_FORWARDED_CHARS = 4096;

/** One hop, as the hop after it tells. */
export interface Hop {
  /** Undefined: the text is no address. */
  readonly address: string | undefined;
  /** Undefined: it does not say. */
  readonly scheme?: string | undefined;
}

export interface FoundClient {
  readonly address: string | undefined;
  readonly scheme: string | undefined;
  /** The addresses from the client on. */
  readonly hops: readonly string[];
}

/** `fromLast`: hops, the nearest one first. */
export function findClient(fromLast: Iterable<Hop>, isTrusted: (address: string) => boolean): FoundClient {
  const hops: string[] = [];
  let scheme: string | undefined;
  for (const { address, scheme: told } of fromLast) {
    scheme = told;
    if (address === undefined) break;
    hops.unshift(address);
    if (hops.length === MAX_HOPS || !isTrusted(address)) break;
  }
  return { address: hops[0], scheme, hops };
}

/** The hops of `x-forwarded-for`. `schemes`: the value of `x-forwarded-proto`. */
export function* hopsOfList(list: string, schemes: string | undefined): Generator<Hop> {
  const schemeAt = schemeReader(schemes, list);
  let end = list.length;
  for (let place = 0; end >= 0; place++) {
    const comma = end === 0 ? -1 : list.lastIndexOf(',', end - 1);
    yield { address: addressIn(list.slice(comma + 1, end)), scheme: schemeAt(place) };
    end = comma;
  }
}

/**
 * The scheme of the hop at a place from the right. One scheme is every hop's; of several, each belongs to the address at
 * its place, and where they do not pair up none is told.
 */
function schemeReader(schemes: string | undefined, list: string): (place: number) => string | undefined {
  const all = schemes === undefined ? [] : schemes.split(',', MAX_HOPS + 1);
  if (all.length <= 1) return () => schemeIn(all[0]);
  if (all.length > MAX_HOPS || all.length !== list.split(',', MAX_HOPS + 1).length) return () => undefined;
  return (place) => schemeIn(all.at(-1 - place));
}

/** A pair of `forwarded` (RFC 7239, 4), and what is behind it: `;` for more of the element, `,` for another one. */
const PAIR = /\s*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))\s*([;,]|$)/gy;

/** The hops of `forwarded`, the last one first; undefined if it is malformed or too long. */
export function hopsOfForwarded(text: string): readonly Hop[] | undefined {
  if (text.length > MAX_FORWARDED_CHARS) return undefined;
  const elements: Map<string, string>[] = [];
  let element = new Map<string, string>();
  let end = 0;
  for (const [all, name, quoted, plain, after] of text.matchAll(PAIR)) {
    const key = name!.toLowerCase();
    if (element.has(key)) return undefined;
    element.set(key, quoted?.replace(/\\(.)/g, '$1') ?? plain!);
    end += all.length;
    if (after === ';') continue;
    elements.push(element);
    element = new Map();
  }
  if (end !== text.length || /[;,]\s*$/.test(text)) return undefined;
  return elements.reverse().map((pairs) => ({
    address: pairs.has('for') ? addressIn(pairs.get('for')!) : undefined,
    scheme: schemeIn(pairs.get('proto')),
  }));
}

/** WebSockets' schemes are those of their handshakes. */
const SCHEMES: Readonly<Record<string, string>> = { http: 'http', https: 'https', ws: 'http', wss: 'https' };

function schemeIn(text: string | undefined): string | undefined {
  const name = text?.trim().toLowerCase() ?? '';
  return Object.hasOwn(SCHEMES, name) ? SCHEMES[name] : undefined;
}

/** The address of a hop, with or without a port, in the form in which sockets show it. */
export function addressIn(hop: string): string | undefined {
  const text = hop.trim();
  if (text.length > MAX_HOP_CHARS || text.includes('%')) return undefined;
  const v6 = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? text;
  if (isIPv6(v6)) return shortest(v6);
  const v4 = /^([\d.]+)(?::\d{1,5})?$/.exec(text)?.[1] ?? '';
  return isIPv4(v4) ? v4 : undefined;
}

/** IPv4 in IPv6's form is IPv4. */
function shortest(address: string): string {
  return plainIPv4(new SocketAddress({ address, family: 'ipv6' }).address);
}
