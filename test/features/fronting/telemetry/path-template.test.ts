/** The route of a path: what stays of it, and that nothing of it is longer or stranger than a page can show. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { pathTemplate } from '../../../../src/proxy/fronting/telemetry/path-template.ts';

const ROUTES: Readonly<Record<string, string>> = {
  '/': '/',
  '*': '*',
  '/cart': '/cart',
  '/v1/charge': '/v1/charge',
  '/api/v2.1/log-in': '/api/v2.1/log-in',
  '/oauth2/token': '/oauth2/token',
  '/.well-known/security.txt': '/.well-known/security.txt',
  '/users/17': '/users/{id}',
  '/users/17/': '/users/{id}/',
  '/users//17': '/users//{id}',
  '/orders/2026-11-30/items/3': '/orders/{id}/items/{id}',
  '/o/123e4567-e89b-12d3-a456-426614174000': '/o/{id}',
  '/blobs/deadbeefcafe': '/blobs/{id}',
  '/watch/dQwXgWcQ': '/watch/{id}',
  '/t/aGVsbG8gd29ybGQgaGVsbG8': '/t/{id}',
  '/m/ann@shop.example': '/m/{id}',
  '/caf%C3%A9': '/{id}',
  '/../etc/passwd': '/{id}/etc/passwd',
  '/assets/index-3f2a91c.js': '/assets/{id}.js',
  '/a/b/c/d/e/f/g/h/i': '/a/b/c/d/e/f/g/h/…',
};

describe('the route of a path', () => {
  for (const [path, route] of Object.entries(ROUTES)) {
    it(`of ${path} is ${route}`, () => assert.equal(pathTemplate(path), route));
  }

  it('is short, and of letters, digits and marks, whatever a client sends', () => {
    const path = fc.array(fc.string({ maxLength: 200 }), { maxLength: 30 }).map((parts) => `/${parts.join('/')}`);
    fc.assert(
      fc.property(path, (given) => {
        const route = pathTemplate(given);
        assert.match(route, /^[A-Za-z0-9._~{}/…-]{1,96}$/);
      }),
    );
    assert.ok(pathTemplate(`/${'word/'.repeat(10_000)}`).length <= 96);
    assert.equal(pathTemplate(`/${'a'.repeat(30_000)}`), '/{id}');
  });

  it('is one for all numbers, so that they do not use up the names', () => {
    fc.assert(fc.property(fc.nat(), (n) => assert.equal(pathTemplate(`/items/${n}/view`), '/items/{id}/view')));
  });
});
