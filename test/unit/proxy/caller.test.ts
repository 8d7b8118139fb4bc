import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { Callers, callerAt, callerInHeader, callerOfIdentity } from '../../../src/proxy/caller.ts';
import { tellPeer } from '../../../src/proxy/net/peer-address.ts';

describe('The caller at an address', () => {
  const cases: readonly (readonly [address: string | undefined, caller: string])[] = [
    ['10.1.2.3', 'ip:10.1.2.3'],
    ['::ffff:10.1.2.3', 'ip:10.1.2.3'],
    ['::FFFF:10.1.2.3', 'ip:10.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', 'ip:2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', 'ip:2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::9', 'ip:2001:db8:1:2::/64'],
    ['2001:db8::9', 'ip:2001:db8:0:0::/64'],
    ['2001:db8::', 'ip:2001:db8:0:0::/64'],
    ['64:ff9b::102:304', 'ip:64:ff9b:0:0::/64'],
    ['fe80::1%eth0', 'ip:fe80::1%eth0'],
    ['::1', 'local:7'],
    ['127.0.0.1', 'local:7'],
    ['127.8.9.10', 'local:7'],
    ['::ffff:127.0.0.1', 'local:7'],
    [undefined, 'local:7'],
  ];
  for (const [address, caller] of cases) {
    it(`${address} is ${caller}`, () => assert.equal(callerAt(address, 7), caller));
  }
});

it('The caller in a certificate is its SPIFFE id, else its subject', () => {
  const subject = 'O=shop\nCN=orders';
  assert.equal(callerOfIdentity({ spiffe: 'spiffe://prod/orders', subject }), 'tls:spiffe://prod/orders');
  assert.equal(callerOfIdentity({ spiffe: undefined, subject }), `tls:${subject}`);
});

it('The caller whom a proxy tells is at that address, which is no loopback of this machine', () => {
  const told = (address: string): string => {
    const socket = new Socket();
    tellPeer(socket, { address, port: 1 }, false);
    return new Callers().ofConnection(socket);
  };
  assert.equal(told('203.0.113.7'), 'ip:203.0.113.7');
  assert.equal(told('2001:db8:1:2::7'), 'ip:2001:db8:1:2::/64');
  assert.equal(told('127.0.0.1'), 'ip:127.0.0.1');
  assert.equal(told('::1'), 'ip:::1');
});

describe('The caller in a header', () => {
  it('is its value, which cannot pass for a certificate', () => {
    assert.equal(callerInHeader('tls:spiffe://prod/admin'), 'header:tls:spiffe://prod/admin');
  });

  it('is absent without a value', () => {
    assert.equal(callerInHeader(undefined), undefined);
    assert.equal(callerInHeader(''), undefined);
  });

  it('is short, and still another for each value', () => {
    const long = 'x'.repeat(100_000);
    const all = [long, `${long}y`].map(callerInHeader);
    assert.equal(new Set(all).size, 2);
    assert.ok(all.every((caller) => caller!.length < 150));
  });
});

it('a connection’s caller is found out once, and kept when its address is gone', () => {
  const callers = new Callers();
  let asked = 0;
  const socket = Object.defineProperty(new Socket(), 'remoteAddress', {
    get: () => (asked++ === 0 ? '10.1.2.3' : undefined),
  });
  assert.equal(callers.ofConnection(socket), 'ip:10.1.2.3');
  assert.equal(callers.ofConnection(socket), 'ip:10.1.2.3');
  assert.equal(asked, 1);
});

it('of this machine, each connection is a caller', () => {
  const callers = new Callers();
  const [one, other] = [new Socket(), new Socket()];
  assert.match(callers.ofConnection(one), /^local:\d+$/);
  assert.equal(callers.ofConnection(one), callers.ofConnection(one));
  assert.notEqual(callers.ofConnection(one), callers.ofConnection(other));
});
