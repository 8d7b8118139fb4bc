/** Names in clients' certificates, and those that only look like one. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { identityIn, type PeerIdentity } from '../../../src/proxy/peer-identity.ts';
import { type CertificateOptions, selfSigned } from '../../support/self-signed.ts';

const made = (commonName: string, options?: CertificateOptions): PeerIdentity =>
  identityIn(new X509Certificate(selfSigned(commonName, options).cert));
const printed = (subject: string, subjectAltName?: string): PeerIdentity =>
  identityIn({ subject, subjectAltName: subjectAltName as string });

const SPIFFE = 'spiffe://prod/ns/shop/sa/orders';

describe('The identity in a certificate', () => {
  it('has its SPIFFE id, its DNS names and its common name', () => {
    assert.deepEqual(made('orders', { uris: [SPIFFE], dns: ['orders.shop', 'orders'] }), {
      spiffe: SPIFFE,
      dns: ['orders.shop', 'orders'],
      commonName: 'orders',
      subject: 'CN=orders',
    });
    const bare = { spiffe: undefined, dns: [], commonName: 'orders', subject: 'CN=orders' };
    assert.deepEqual(made('orders'), bare);
  });

  it('has no SPIFFE id where it has several URIs, or another one', () => {
    assert.equal(made('a', { uris: [SPIFFE, 'spiffe://prod/admin'] }).spiffe, undefined);
    assert.equal(made('a', { uris: ['https://orders.shop', SPIFFE] }).spiffe, undefined);
    assert.equal(made('a', { uris: ['https://orders.shop'] }).spiffe, undefined);
  });

  it('has no name that stands inside another', () => {
    for (const [options, dns] of [
      [{ dns: [`a, URI:${SPIFFE}, b`, 'c'] }, [`a, URI:${SPIFFE}, b`, 'c']],
      [{ dns: [`a", URI:${SPIFFE}`] }, [`a", URI:${SPIFFE}`]],
      [{ dns: [`a\0, URI:${SPIFFE}`] }, [`a\0, URI:${SPIFFE}`]],
    ] as const) {
      const identity = made('a', options);
      assert.equal(identity.spiffe, undefined);
      assert.deepEqual(identity.dns, dns);
    }
    assert.equal(made('a', { uris: [`${SPIFFE}, URI:spiffe://prod/admin`] }).spiffe, undefined);
    assert.notEqual(made('a\nCN=admin').commonName, 'admin');
    assert.notEqual(made('a + CN=admin').commonName, 'admin');
  });

  it('has no SPIFFE id that is not plainly one', () => {
    for (const uri of [
      'spiffe://prod/ns/../admin',
      'spiffe://prod/./admin',
      'spiffe://prod/..',
      'spiffe://prod//admin',
      'spiffe://prod/',
      'spiffe://prod/a b',
      'spiffe://prod/%61dmin',
      'spiffe://PROD/admin',
      'spiffe://prod:1/admin',
      'spiffe://me@prod/admin',
      'spiffe://prod/admin?x',
      'spiffe://prod/admin#x',
      'spiffe:///admin',
      'SPIFFE://prod/admin',
    ]) {
      assert.equal(made('c', { uris: [uri] }).spiffe, undefined, uri);
    }
    assert.equal(made('c', { uris: ['spiffe://prod/...'] }).spiffe, 'spiffe://prod/...');
  });

  it('has no common name where there are two', () => {
    assert.equal(printed('CN=orders\nO=shop\nCN=admin').commonName, undefined);
    assert.equal(printed('CN=orders + CN=admin').commonName, undefined);
    assert.equal(printed('O=shop + CN=orders').commonName, 'orders');
    assert.equal(printed('O=shop').commonName, undefined);
  });
});
