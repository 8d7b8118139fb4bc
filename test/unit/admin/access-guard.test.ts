import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refuseForeignChange, refuseForeignPage } from '../../../src/admin/access-guard.ts';

const OURS = { host: 'localhost:8502', 'x-pillion-console': '1' };

describe('who may read', () => {
  it('is anybody but a page of another origin', () => {
    const foreign = [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'same-site' }];
    for (const headers of foreign) assert.equal(refuseForeignPage({ ...OURS, ...headers })?.status, 403);
    for (const headers of [{}, { origin: 'http://localhost:8502' }, { 'sec-fetch-site': 'none' }]) {
      assert.equal(refuseForeignPage({ host: 'localhost:8502', ...headers }), undefined);
    }
  });
});

describe('who may change something, or ask for what costs', () => {
  it('is our own page, or a tool that sends the header', () => {
    const own = { ...OURS, origin: 'http://localhost:8502', 'sec-fetch-site': 'same-origin' };
    for (const headers of [OURS, own]) assert.equal(refuseForeignChange(headers), undefined);
  });

  it('is no page of another origin, whatever it can make a browser send', () => {
    const cases: [headers: Record<string, string>, text: RegExp][] = [
      [{ ...OURS, origin: 'https://evil.example' }, /Origin is "https:\/\/evil.example"/],
      [{ ...OURS, origin: 'null' }, /Origin is "null"/],
      [{ ...OURS, origin: 'http://localhost:3000' }, /Origin is "http:\/\/localhost:3000"/],
      [{ ...OURS, 'sec-fetch-site': 'cross-site' }, /another site/],
      [{ host: 'localhost:8502' }, /header x-pillion-console is missing/],
    ];
    for (const [headers, text] of cases) {
      const refusal = refuseForeignChange(headers);
      assert.equal(refusal?.status, 403);
      assert.match(refusal.text, text);
    }
  });
});
