import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lookOf } from '../../../src/features/terminal/look.ts';
import { Screen } from '../../../src/features/terminal/screen.ts';
import { seen } from '../../support/pseudo-terminal.ts';

const XTERM = { TERM: 'xterm' };

function screenOf(
  size: { columns?: number; rows?: number } | undefined,
  environment = XTERM as Record<string, string>,
) {
  const written: string[] = [];
  const screen = new Screen((text) => written.push(text), lookOf(size, environment));
  return { screen, written, text: () => written.join('').replaceAll('\n', '\r\n') };
}

const line = (text: string) => [{ text }];

describe('a screen', () => {
  it('draws moving lines anew where they stand, above them what stays', () => {
    const { screen, text } = screenOf({ columns: 40, rows: 10 });
    screen.show([line('title')], [line('a 0.1 s'), line('b 0.1 s')]);
    screen.show([], [line('a 0.2 s'), line('b 0.2 s')]);
    screen.show([line('a is ready')], [line('b 0.3 s')]);
    assert.deepEqual(seen(text()), ['title', 'a is ready', 'b 0.3 s', '']);
    screen.show([line('b is ready')]);
    assert.deepEqual(seen(text()), ['title', 'a is ready', 'b is ready', '']);
  });

  it('writes nothing where nothing has changed', () => {
    const { screen, written } = screenOf({ columns: 40 });
    screen.show([], [line('a')]);
    screen.show([], [line('a')]);
    assert.equal(written.length, 1);
  });

  it('cuts moving lines to the width, and their number to the height, but never lines that stay', () => {
    const { screen, text } = screenOf({ columns: 24, rows: 4 });
    const long = '0123456789'.repeat(4);
    screen.show(
      [line(long)],
      ['a', 'b', 'c', 'd', 'e'].map((name) => [{ text: `${name} ` }, { text: long, style: 'dim' }]),
    );
    const lines = seen(text());
    assert.deepEqual(lines.slice(0, 2), [long, 'a 012345678901234567...']);
    assert.equal(lines.length, 5);
    assert.ok(lines.slice(1).every((each) => each.length < 24));
  });

  it('has neither colours nor moving lines where the terminal has none, or a CI keeps its output', () => {
    for (const environment of [{ TERM: 'dumb' }, {}, { TERM: 'xterm', CI: 'true' }] as Record<string, string>[]) {
      const { screen, written } = screenOf({ columns: 40 }, environment);
      screen.show([[{ text: 'red', style: 'red' }]], [line('moving')]);
      assert.deepEqual(written, ['red\n']);
    }
    const { screen, written } = screenOf(undefined);
    screen.show([[{ text: 'red', style: 'red' }]], [line('moving')]);
    assert.deepEqual(written, ['red\n']);
  });

  it('has moving lines, but no colours with NO_COLOR', () => {
    const { screen, text } = screenOf({ columns: 40 }, { TERM: 'xterm', NO_COLOR: '1' });
    screen.show([[{ text: 'red', style: 'red' }]], [line('moving')]);
    assert.deepEqual(seen(text()), ['red', 'moving', '']);
    assert.doesNotMatch(text(), /\p{Cc}\[\d+m/u);
  });

  it('lets no text act on the terminal', () => {
    const { screen, text } = screenOf({ columns: 80 });
    screen.show([line('\u001b[2J')], [[{ text: 'a\u001b[9A\nb', style: 'dim' }]]);
    assert.deepEqual(seen(text()), ['\\x1b[2J', 'a\\x1b[9A\\x0ab', '']);
  });
});
