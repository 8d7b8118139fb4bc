import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import { sentToken } from '../../../src/proxy/sent-token.ts';

describe('sentToken', () => {
  it('reads a key or JWT from either header, with the scheme in any case', () => {
    assert.equal(sentToken(undefined, undefined), undefined);
    assert.equal(sentToken('Bearer abc-_.~+/==', undefined), 'abc-_.~+/==');
    assert.equal(sentToken('bEARER  abc', undefined), 'abc');
    assert.equal(sentToken(undefined, 'abc'), 'abc');
  });

  it('takes nothing that is not plainly one token for none: it is refused', () => {
    const wrong: readonly (readonly [string | undefined, string | undefined])[] = [
      ['Bearer abc', 'abc'],
      ['', 'abc'],
      ['Bearer a,Bearer b', undefined],
      ['Bearer a, Bearer b', undefined],
      [',Bearer a', undefined],
      [undefined, 'a,b'],
      [undefined, 'a, b'],
      [undefined, ''],
      ['', undefined],
      ['Bearer', undefined],
      ['Bearer ', undefined],
      ['Bearer a b', undefined],
      ['Basic abc', undefined],
      ['Bearerabc', undefined],
      ['Bearer\tabc', undefined],
      ['Bearer abc\r\nx: y', undefined],
      ['Bearer a\0b', undefined],
      ['Bearer schlüssel', undefined],
      [undefined, 'ключ'],
      ['Bearer =abc', undefined],
      [`Bearer ${'a'.repeat(8193)}`, undefined],
      [undefined, 'a'.repeat(2 ** 20)],
    ];
    for (const [authorization, apiKey] of wrong) {
      const found = sentToken(authorization, apiKey);
      assert.ok(found instanceof ServingError, JSON.stringify([authorization, apiKey])?.slice(0, 80));
      assert.equal(found.kind, 'unauthenticated');
      assert.ok(found.message.length < 200);
    }
  });

  it('repeats nothing of what was sent', () => {
    const error = sentToken('Bearer secret secret', undefined) as ServingError;
    assert.doesNotMatch(error.message, /secret/);
  });
});
