/** Tells which peers are trusted, and reads what they say of a request's client. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ClientFacts } from '../../ledger/request-record.ts';
import { type HeaderOf, peerAt, type ToldClient, type TrustedProxies } from '../../proxy/caller.ts';
import { peerAddressOf } from '../../proxy/net/peer-address.ts';
import { findClient, hopsOfForwarded, hopsOfList } from './forwarded-hops.ts';
import { NetworkList } from './network-list.ts';

export class TrustedNetworks implements TrustedProxies {
  readonly #networks: NetworkList;
  readonly #peers = new WeakMap<Duplex, boolean>();
  readonly #isTrusted = (address: string): boolean => this.#networks.has(address);

  /** @param text of `--trusted_proxies`, without wrong entries */
  constructor(text: string) {
    this.#networks = new NetworkList(text);
  }

  trusts(connection: Duplex): boolean {
    let isTrusted = this.#peers.get(connection);
    if (isTrusted === undefined) {
      isTrusted = this.#judge(connection);
      this.#peers.set(connection, isTrusted);
    }
    return isTrusted;
  }

  /** `x-forwarded-for` counts where it is there, as most proxies overwrite that alone; else `forwarded`. */
  clientIn(headerOf: HeaderOf): ToldClient | undefined {
    const list = headerOf('x-forwarded-for');
    const forwarded = headerOf('forwarded');
    const schemes = headerOf('x-forwarded-proto');
    if (list === undefined && forwarded === undefined && schemes === undefined) return undefined;
    const hops = forwarded === undefined ? undefined : hopsOfForwarded(forwarded);
    const other = hops && findClient(hops, this.#isTrusted);
    // x-forwarded-proto without a list is of one hop that has no address.
    const listed = findClient(hopsOfList(list ?? '', schemes), this.#isTrusted);
    const found = list === undefined && other !== undefined ? other : listed;
    const { address, scheme = listed.scheme } = found;
    // Hops before the client were made up, and some applications read the first one.
    const isAll = other !== undefined && hops!.length <= Math.max(1, other.hops.length);
    const isForwardedSound = isAll && isSame(other, { address, scheme });
    return { address, scheme, hops: found.hops.join(', '), isForwardedSound };
  }

  /** The peer is the one that --proxy_protocol tells, whose loopback is that of another machine. */
  #judge(connection: Duplex): boolean {
    const { address, isFromProxy } = peerAddressOf(connection);
    if (address === undefined) return this.#networks.hasUnix && isUnix(connection);
    const isElsewhere = isFromProxy && peerAt(address) === undefined;
    return !isElsewhere && this.#networks.has(address);
  }
}

/** `forwarded` does not contradict what counts. */
function isSame(other: ClientFacts, { address, scheme }: ClientFacts): boolean {
  if (other.address !== address) return false;
  return other.scheme === undefined || scheme === undefined || other.scheme === scheme;
}

/** A TCP peer that has left has no address either, but its connection still has an own one. */
function isUnix(connection: Duplex): boolean {
  return !connection.destroyed && (connection as Partial<Socket>).localAddress === undefined;
}
