/** Which hop of what proxies say is the client. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  addressIn,
  type FoundClient,
  findClient,
  hopsOfForwarded,
  hopsOfList,
} from '../../../src/features/trusted-proxies/forwarded-hops.ts';
import { NetworkList, wrongProxies } from '../../../src/features/trusted-proxies/network-list.ts';
import { TrustedNetworks } from '../../../src/features/trusted-proxies/trusted-proxies.ts';

const TRUSTED = new NetworkList('10.0.0.0/8, 2001:db8:1::/48');
const isTrusted = (address: string): boolean => TRUSTED.has(address);

function listed(list: string, schemes?: string): FoundClient {
  return findClient(hopsOfList(list, schemes), isTrusted);
}

describe('x-forwarded-for', () => {
  const clients: readonly (readonly [list: string, client: string | undefined, hops: string])[] = [
    ['198.51.100.7', '198.51.100.7', '198.51.100.7'],
    ['6.6.6.6, 198.51.100.7', '198.51.100.7', '198.51.100.7'],
    ['6.6.6.6, 198.51.100.7 , 10.0.0.9,10.0.0.8', '198.51.100.7', '198.51.100.7,10.0.0.9,10.0.0.8'],
    ['10.0.0.9', '10.0.0.9', '10.0.0.9'],
    ['198.51.100.7:4711', '198.51.100.7', '198.51.100.7'],
    ['[2001:DB8::0:7]:4711', '2001:db8::7', '2001:db8::7'],
    ['2001:db8::7', '2001:db8::7', '2001:db8::7'],
    ['198.51.100.7, 2001:db8:1::5', '198.51.100.7', '198.51.100.7,2001:db8:1::5'],
    ['198.51.100.7, ::ffff:10.0.0.5', '198.51.100.7', '198.51.100.7,10.0.0.5'],
    ['198.51.100.7, ::ffff:a00:5', '198.51.100.7', '198.51.100.7,10.0.0.5'],
    ['198.51.100.7, unknown, 10.0.0.9', '10.0.0.9', '10.0.0.9'],
    ['unknown', undefined, ''],
    ['198.51.100.7, "10.0.0.9"', undefined, ''],
    ['198.51.100.7,, 10.0.0.9', '10.0.0.9', '10.0.0.9'],
    ['198.51.100.7,', undefined, ''],
    [',198.51.100.7', '198.51.100.7', '198.51.100.7'],
    ['', undefined, ''],
    ['fe80::1%eth0', undefined, ''],
    ['198.51.100.256', undefined, ''],
    ['198.051.100.7', undefined, ''],
    ['[::1', undefined, ''],
    [`${'x'.repeat(30_000)}, 10.0.0.9`, '10.0.0.9', '10.0.0.9'],
  ];
  for (const [list, client, hops] of clients) {
    test(`${list.slice(0, 60)} is from ${client}`, () => {
      const found = listed(list);
      assert.deepEqual([found.address, found.hops.join()], [client, hops]);
    });
  }

  test('of a list without an end the nearest 32 are looked at', () => {
    const found = listed(`198.51.100.7${', 10.0.0.9'.repeat(5000)}`);
    assert.deepEqual([found.address, found.hops.length], ['10.0.0.9', 32]);
  });

  test('the scheme is of the hop that the address is of', () => {
    assert.equal(listed('198.51.100.7', 'https').scheme, 'https');
    assert.equal(listed('198.51.100.7, 10.0.0.9', 'HTTPS').scheme, 'https');
    assert.equal(listed('198.51.100.7, 10.0.0.9', 'https, http').scheme, 'https');
    assert.equal(listed('6.6.6.6, 198.51.100.7, 10.0.0.9', 'https, http, https').scheme, 'http');
    assert.equal(listed('unknown', 'wss').scheme, 'https');
  });

  test('schemes that do not pair up with addresses are none', () => {
    for (const [list, schemes] of [
      ['198.51.100.7', 'https, http'],
      ['198.51.100.7, 10.0.0.9, 10.0.0.8', 'https, http'],
      ['198.51.100.7', 'ftp'],
      ['198.51.100.7', ''],
      ['198.51.100.7', '__proto__'],
      ['10.0.0.9,'.repeat(1000), 'https,'.repeat(1000)],
    ] as const) {
      assert.equal(listed(list, schemes).scheme, undefined, schemes);
    }
  });
});

describe('forwarded', () => {
  const from = (text: string): FoundClient | undefined => {
    const hops = hopsOfForwarded(text);
    return hops && findClient(hops, isTrusted);
  };

  test('address and scheme come from the same hop', () => {
    const found = from(
      'for=6.6.6.6;proto=https, for=198.51.100.7;proto=http;by=10.0.0.9, For="10.0.0.9:80";proto=https',
    );
    assert.deepEqual(found, { address: '198.51.100.7', scheme: 'http', hops: ['198.51.100.7', '10.0.0.9'] });
    assert.deepEqual(from('for="[2001:db8::7]:4711";host="a,b;c\\"d"'), {
      ...{ address: '2001:db8::7', scheme: undefined, hops: ['2001:db8::7'] },
    });
  });

  test('a hop that hides whom it speaks for is the client, in the scheme that it tells', () => {
    for (const hidden of ['unknown', '_secret', '"_SEVKISEK"']) {
      const found = from(`for=198.51.100.7, for=${hidden};proto=https, for=10.0.0.9;proto=http`);
      assert.deepEqual(found, { address: '10.0.0.9', scheme: 'https', hops: ['10.0.0.9'] });
    }
  });

  test('what is malformed says nothing', () => {
    for (const text of [
      'for',
      'for=a b',
      'for="x',
      'for=1;for=2',
      'for=1.2.3.4;',
      'for=1.2.3.4,',
      '=x',
      'for=1.2.3.4"',
    ]) {
      assert.equal(hopsOfForwarded(text), undefined, text);
    }
  });

  test('more than 4,096 characters say nothing, as reading them takes time', () => {
    const longest = `for=198.51.100.7;ext=${'x'.repeat(4096 - 21)}`;
    assert.equal(from(longest)?.address, '198.51.100.7');
    assert.equal(hopsOfForwarded(`${longest}x`), undefined);
  });

  test('any text is read in no time, and never thrown at', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'for=;,"\\ \t1.:[]%'), maxLength: 400 }), (text) => {
        hopsOfForwarded(text);
        for (const hop of hopsOfList(text, text))
          assert.ok(hop.address === undefined || addressIn(hop.address) === hop.address);
      }),
    );
    const started = process.hrtime.bigint();
    for (const hostile of [
      'for="'.repeat(6000),
      ' '.repeat(30_000),
      `for=${'\\'.repeat(30_000)}`,
      'a='.repeat(15_000),
    ]) {
      hopsOfForwarded(hostile);
    }
    assert.ok(process.hrtime.bigint() - started < 500_000_000n);
  });
});

describe('both', () => {
  const proxies = new TrustedNetworks('10.0.0.0/8');
  const told = (headers: Record<string, string>) => proxies.clientIn((name) => headers[name]);

  test('x-forwarded-for counts, and forwarded passes where it says the same', () => {
    const same = told({
      'x-forwarded-for': '198.51.100.7',
      forwarded: 'for=198.51.100.7;proto=https',
      'x-forwarded-proto': 'https',
    });
    assert.deepEqual(same, { address: '198.51.100.7', scheme: 'https', hops: '198.51.100.7', isForwardedSound: true });
    const prepended = 'for=6.6.6.6, for=198.51.100.7;proto=https';
    for (const forwarded of ['for=6.6.6.6', 'for=198.51.100.7;proto=http', prepended, 'rubbish']) {
      const other = told({ 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': 'https', forwarded });
      assert.deepEqual(other, { ...same, isForwardedSound: false }, forwarded);
    }
  });

  test('either may be alone', () => {
    assert.deepEqual(told({ forwarded: 'for=198.51.100.7', 'x-forwarded-proto': 'https' }), {
      ...{ address: '198.51.100.7', scheme: 'https', hops: '198.51.100.7', isForwardedSound: true },
    });
    const hops = 'for=198.51.100.7, for=10.0.0.9';
    assert.equal(told({ forwarded: hops })?.isForwardedSound, true);
    assert.equal(
      told({ forwarded: `for=6.6.6.6, ${hops}` })?.isForwardedSound,
      false,
      'applications may read the first',
    );
    assert.equal(told({ forwarded: 'for=_hidden;proto=https' })?.isForwardedSound, true);
    assert.deepEqual(told({ 'x-forwarded-proto': 'https' }), {
      ...{ address: undefined, scheme: 'https', hops: '', isForwardedSound: false },
    });
    assert.equal(told({}), undefined);
    assert.equal(told({ forwarded: 'rubbish' })?.isForwardedSound, false);
  });
});

describe('--trusted_proxies', () => {
  test('takes addresses, networks and unix', () => {
    assert.deepEqual(wrongProxies(''), []);
    assert.deepEqual(wrongProxies('unix'), []);
    assert.deepEqual(wrongProxies('10.1.2.3,10.0.0.0/8, ::1,2001:db8::/32,0.0.0.0/0,::ffff:10.0.0.1'), []);
    const wrong = ['10.0.0.0/33', '::/129', 'localhost', '', '10.0.0/8', 'UNIX', '10.0.0.0/-1', '10.0.0.0/8/8', '::%1'];
    assert.deepEqual(wrongProxies(wrong.join()), wrong);
  });

  test('an address of IPv6 that looks like a mapped one is of IPv6', () => {
    const list = new NetworkList('::ffff:1234');
    assert.deepEqual(wrongProxies('::ffff:1234'), []);
    assert.deepEqual([list.has('::ffff:1234'), list.has('0.0.18.52'), list.has('::1')], [true, false, false]);
  });

  test('a network has its addresses, in either form', () => {
    const list = new NetworkList('10.1.2.3/8,192.0.2.7,2001:db8::/33');
    for (const address of ['10.255.0.1', '::ffff:10.255.0.1', '192.0.2.7', '2001:db8:7fff::1'])
      assert.ok(list.has(address), address);
    for (const address of ['11.0.0.1', '192.0.2.8', '2001:db8:8000::1', '::1', 'rubbish', ''])
      assert.ok(!list.has(address), address);
  });
});
