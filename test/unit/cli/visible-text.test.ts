import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { textTable } from '../../../src/cli/text-table.ts';
import { visible, visibleLine } from '../../../src/core/terminal/visible-text.ts';

describe('visible', () => {
  for (const [given, shown] of [
    ['plain µ ’ 漢字 🙂', 'plain µ ’ 漢字 🙂'],
    ['\u001b[2J\u001b]0;title\u0007', '\\x1b[2J\\x1b]0;title\\x07'],
    ['\u009b2J and \u0090', '\\x9b2J and \\x90'],
    ['a\rb\tc\u0000\u007f', 'a\\x0db\\x09c\\x00\\x7f'],
    ['\u202eevil\u2066\u200f', '\\u{202e}evil\\u{2066}\\u{200f}'],
    ['half \ud83d pair', 'half \\u{d83d} pair'],
    ['\u2028 \ue000 \u{e0041}', '\\u{2028} \\u{e000} \\u{e0041}'],
  ] as const) {
    it(`shows ${JSON.stringify(given)} as ${shown}`, () => assert.equal(visible(given), shown));
  }

  it('indents what follows a line break, so that no text looks like two lines of the log', () => {
    assert.equal(visible('one\n14:03:22 ready\r\nthree'), 'one\n      14:03:22 ready\n      three');
  });
});

describe('visibleLine', () => {
  it('shows line breaks, too', () => assert.equal(visibleLine('one\r\ntwo'), 'one\\x0d\\x0atwo'));
});

describe('textTable', () => {
  it('has a line for each row and aligned columns, whatever the cells hold', () => {
    const lines = textTable([
      ['name', 'error'],
      ['\u001b[2Jm', 'no\nready  all is well\u202e'],
    ]);
    assert.deepEqual(lines, ['name      error', '\\x1b[2Jm  no\\x0aready  all is well\\u{202e}']);
  });
});
