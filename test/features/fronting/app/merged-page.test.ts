/** Somebody else's metrics page behind ours. */
import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, it } from 'node:test';
import { FamilyReader, MetricsTextError } from '../../../../src/proxy/fronting/app/family-reader.ts';
import { mergePages } from '../../../../src/proxy/fronting/app/merged-page.ts';

function read(text: string, isOpen = false, pieceChars = text.length || 1) {
  const reader = new FamilyReader(isOpen);
  for (let at = 0; at < text.length; at += pieceChars) reader.write(text.slice(at, at + pieceChars));
  return reader.end();
}

const OURS = '# HELP up Up.\n# TYPE up gauge\nup 1\n# TYPE d histogram\nd_bucket{le="+Inf"} 1\nd_sum 1\nd_count 1\n';

const THEIRS = String.raw`# HELP a_total With "quotes" and \\ and \n.
# TYPE a_total counter
a_total 1
a_total{x="y",z="a\"b\\c\nd}",} 2.5e-3 1700000000000

# a comment
no_type{ a = "b" , c="d" }	+Inf
# TYPE h histogram
h_bucket{le="1"} 1
h_bucket{le="+Inf"} 2
h_sum NaN
h_count 2
# HELP empty
`;

describe('text', () => {
  it('is put behind ours as it is, without comments and empty lines, however it is cut', () => {
    const expected = THEIRS.replace('\n\n# a comment\n', '\n');
    for (const pieceChars of [1, 7, 1000]) {
      assert.deepEqual(mergePages(OURS, read(THEIRS, false, pieceChars), false), {
        text: OURS + expected,
        dropped: [],
      });
    }
    assert.deepEqual(mergePages(OURS, read(''), false), { text: OURS, dropped: [] });
    assert.equal(mergePages(OURS, read('a 1'), false).text, `${OURS}a 1\n`);
  });

  it('lacks what has a name of ours, by its own name or by a sample’s', () => {
    const page = '# TYPE up gauge\nup 0\n# TYPE d_count gauge\nd_count 7\n# TYPE d summary\nd_sum 1\nupper 3\n';
    const { text, dropped } = mergePages(OURS, read(page), false);
    assert.equal(text, `${OURS}upper 3\n`);
    assert.deepEqual(dropped, ['up', 'd_count', 'd']);
  });

  it('has the samples of a metric together, and each kind of comment once', () => {
    const page = '# HELP a A.\na{x="1"} 1\nb 2\n# HELP a Again.\na{x="2"} 3\n';
    assert.equal(mergePages('', read(page), false).text, '# HELP a A.\na{x="1"} 1\na{x="2"} 3\nb 2\n');
  });

  it('that Prometheus could not read is refused, with its line', () => {
    const wrong = [
      ...['<html>', 'a', 'a b', 'a 1 2 3', 'a 1 1.5', '1a 2', 'a{x=y} 1', 'a{x="y} 1', 'a{x="y"} ', 'a{"x"="y"} 1'],
      ...['a 1 # {x="y"} 1', 'a 0x', '# TYPE a info', 'a 1\n# TYPE a gauge', '# TYPE b gauge\n# TYPE b gauge', 'a 1\r'],
      ...['a 1 -5', 'a 1 99999999999999999999', 'a 1e999', '# TYPE a counter\u00a0', '# TYPE a \u00a0counter'],
      ...['a{x="1",x="2"} 1', 'a{x="1", x = "2"} 1', 'a{__name__="b"} 1', 'a -nan', 'a +NaN'],
      ...['{a="b"} 1', 'a{x="y" z="w"} 1', 'a1', `a{x="${'y'.repeat(70_000)}"} 1`],
    ];
    for (const line of wrong) {
      assert.throws(() => read(`ok 1\n${line}\n`), { constructor: MetricsTextError, message: /^line [23] / }, line);
    }
    assert.throws(() => new FamilyReader(false).write('y'.repeat(70_000)), MetricsTextError);
  });

  it('has types as Prometheus reads them: one space before, and none behind', () => {
    assert.equal(mergePages('', read('#\tTYPE  a \t counter \na 1\n'), false).text, '# TYPE a counter\na 1\n');
  });

  it('may have more samples of a metric than a call may have arguments', () => {
    const page = Array.from({ length: 200_000 }, (_, i) => `a{i="${i}"} 1\n`).join('');
    assert.equal(mergePages(OURS, read(page), false).text, OURS + page);
  });

  it('is read in time in proportion to its length', () => {
    const hostile = [`a{${'x="y",'.repeat(5000)}`, `a{x="${'\\"'.repeat(15_000)}`, `a${' '.repeat(30_000)}x`];
    // The time of the processor: a process that has to wait for one has not been slow.
    const begin = process.cpuUsage();
    for (const line of hostile) assert.throws(() => read(`${line}\n`), MetricsTextError);
    const { user, system } = process.cpuUsage(begin);
    assert.ok(user + system < 1_000_000, `${user + system} µs`);
  });
});

describe('OpenMetrics', () => {
  const ours = '# TYPE c counter\nc_total 1\n# EOF\n';

  it('has one end, and exemplars, units and created times as they are', () => {
    const page = [
      '# TYPE a counter',
      '# HELP a A.',
      'a_total{x="y"} 1.0 1700000000.5 # {trace_id="4bf9"} 0.5 1700000000.1',
      'a_created{x="y"} 1.7e9',
      '# TYPE i info',
      'i_info{v="1"} 1',
      '# TYPE t_seconds gauge',
      '# UNIT t_seconds seconds',
      't_seconds{} +Inf 1.7e+09',
      '# EOF\n',
    ].join('\n');
    const { text, dropped } = mergePages(ours, read(page, true), true);
    assert.equal(text, `${ours.replace('# EOF\n', '')}${page}`);
    assert.deepEqual(dropped, []);
  });

  it('has heads as Prometheus reads them, and no unit that its name does not end with', () => {
    const page = '#  TYPE\ta  gauge \n# HELP a\n# UNIT a seconds\na 1\n# UNIT b_s s \nb_s 1\n# EOF\n';
    assert.equal(mergePages('# EOF\n', read(page, true), true).text, '# TYPE a gauge\n# HELP a \na 1\nb_s 1\n# EOF\n');
  });

  it('whose samples Prometheus could not read is refused', () => {
    const wrong = [
      'a  1',
      'a{ x="y"} 1',
      'a{x="y", z="w"} 1',
      'a{x="y"}1',
      'a {x="y"} 1',
      'a\t1',
      'a 1 NaN',
      'a 1 1e999',
    ];
    wrong.push('a 1 # {x="y"} 1 +Inf', 'a 1 # {x="y"} 1e999', 'a 1 # {x= "y"} 1', 'a{x="1",x="2"} 1');
    for (const line of wrong) assert.throws(() => read(`${line}\n# EOF\n`, true), /^Error: line 1 /, line);
  });

  it('lacks a counter of ours by the names of both', () => {
    const page = '# TYPE c counter\nc_total 2\n# TYPE c_total unknown\nc_total 3\n# EOF\n';
    const { text, dropped } = mergePages(ours, read(page, true), true);
    assert.deepEqual([text, dropped], [ours, ['c', 'c_total']]);
  });

  it('that is cut off, or goes on after its end, is refused', () => {
    assert.throws(() => read('a 1\n', true), /ends without # EOF/);
    assert.throws(() => read('# EOF\na 1\n', true), /line 2 stands behind # EOF/);
    assert.throws(() => read('# TYPE a untyped\n# EOF\n', true), /type that does not exist/);
  });
});
