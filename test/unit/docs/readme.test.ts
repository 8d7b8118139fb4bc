/** README.md: what a newcomer sees first is as short as it was meant, and its figures are the published ones. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const PAGE = readFileSync('README.md', 'utf8');
const RESULTS = readFileSync('docs/results/benchmarks.md', 'utf8');

/** Rows of the table, as cells. */
function rowsOf(text: string, heading: RegExp): readonly (readonly string[])[] {
  const section = text.split(/^## /m).find((part) => heading.test(part))!;
  const rows = section.split('\n').filter((line) => line.startsWith('| '));
  return rows.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe('README.md', () => {
  it('has about ten links', () => {
    const links = [...PAGE.matchAll(/(?<!!)\[[^\]]*\]\(/g)];
    assert.ok(links.length <= 12, `${links.length} links`);
  });

  it('has the two commands on lines of their own', () => {
    assert.match(PAGE, /^npm run demo$/m);
    assert.match(PAGE, /^npm test$/m);
  });

  it('has the figures and the date of docs/results/benchmarks.md beside Triton', () => {
    const date = /`npm run bench -- compare` on (\S+):/.exec(RESULTS)![1]!;
    assert.ok(PAGE.includes(`Measured on ${date} `), `they are of ${date}`);
    const shown = rowsOf(PAGE, /^Beside Triton/).slice(1);
    assert.ok(shown.length > 0);
    for (const [model, surface, ours, theirs, ourCpu, theirCpu] of shown) {
      const name = model!.split(' ')[0]!;
      const rows = rowsOf(RESULTS, new RegExp(`^${name}\n`)).filter(([, found]) => found === surface);
      const figuresOf = (server: string) =>
        rows.filter(([found]) => found!.startsWith(server)).map(([, , rate, , , cpu]) => `${rate} ${cpu}`);
      assert.ok(figuresOf('Pillion').includes(`${ours} ${ourCpu}`), `${name}, ${surface}: Pillion`);
      assert.ok(figuresOf('Triton').includes(`${theirs} ${theirCpu}`), `${name}, ${surface}: Triton`);
    }
  });
});
