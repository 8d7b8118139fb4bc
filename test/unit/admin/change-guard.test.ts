import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refuseForeignChange } from '../../../src/admin/change-guard.ts';

const OURS = { host: 'localhost:8502', 'x-pillion-console': '1' };

describe('who may change something', () => {
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
