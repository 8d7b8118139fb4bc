/** Pure. The text of `--trusted_proxies`: addresses and networks with commas between, and `unix`. */
import { BlockList, isIP } from 'node:net';
import { plainIPv4 } from '../../ledger/plain-ipv4.ts';

/** The word for peers on a socket file. */
const UNIX = 'unix';

interface Network {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  /** Leading bits that count. */
  readonly prefix: number;
}

/** The entries that are none. */
export function wrongProxies(text: string): readonly string[] {
  return entriesOf(text).filter((entry) => entry !== UNIX && networkIn(entry) === undefined);
}

export class NetworkList {
  /** Peers on a socket file are in it. */
  readonly hasUnix: boolean;
  readonly #list = new BlockList();

  /** Takes a text without wrong entries. */
  constructor(text: string) {
    const entries = entriesOf(text);
    this.hasUnix = entries.includes(UNIX);
    for (const entry of entries) {
      const network = networkIn(entry);
      if (network !== undefined) this.#list.addSubnet(network.address, network.prefix, network.family);
    }
  }

  /** `address`: an IP address. One of IPv4 counts as such in IPv6's form, too. */
  has(address: string): boolean {
    const version = isIP(address);
    return version !== 0 && this.#list.check(address, version === 4 ? 'ipv4' : 'ipv6');
  }
}

function entriesOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(',').map((entry) => entry.trim());
}

function networkIn(entry: string): Network | undefined {
  const [, address = '', digits] = /^([0-9A-Fa-f:.]+)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
  const version = isIP(address);
  const bits = version === 4 ? 32 : 128;
  const prefix = digits === undefined ? bits : Number(digits);
  if (version === 0 || prefix > bits) return undefined;
  const v4 = plainIPv4(address);
  if (v4 !== address && prefix >= 96) return { address: v4, family: 'ipv4', prefix: prefix - 96 };
  return { address, family: version === 4 ? 'ipv4' : 'ipv6', prefix };
}
