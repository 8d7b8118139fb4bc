import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import { choice, count, fields, named, number, text, together } from '../../../../src/config/yaml/kinds.ts';
import { byKeys, readDocument } from '../../../../src/config/yaml/problems.ts';
import { YamlDocument } from '../../../../src/config/yaml/yaml-document.ts';

const SCHEMA = fields({
  size: v.optional(count(1, 8)),
  share: v.optional(number(0, 1)),
  kind: v.optional(choice(['red', 'green'])),
  names: v.optional(named(count(0, 9))),
  either: v.optional(v.union([text(), v.array(fields({ a: count(0, 9) }))], 'a text or a list')),
  pair: v.optional(
    v.pipe(
      fields({ x: v.optional(count(0, 9)), y: v.optional(count(0, 9)) }),
      together(({ x, y }, say) => x !== y && say('x and y differ', 'y')),
    ),
  ),
});

function read(yaml: string) {
  const document = new YamlDocument('f', Buffer.from(yaml));
  const output = readDocument(document, SCHEMA, byKeys('f'));
  return { output, problems: document.problems };
}

describe('a schema over a file of YAML', () => {
  it('reads numbers of either kind', () => {
    assert.deepEqual(read('{size: 8, share: 1}').output, { size: 8, share: 1 });
    assert.deepEqual(read('{share: 0.5}').output, { share: 0.5 });
  });

  it('tells every unknown key, whatever its name, before what is wrong with known ones', () => {
    assert.deepEqual(read('size: 9\nsiez: 1\nconstructor: 1\n__proto__: 1\ntoString: 1').problems, [
      'f:2:1: f has no "siez"; did you mean "size"?',
      'f:3:1: f has no "constructor"; there are size, share, kind, names, either, pair',
      'f:4:1: f has no "__proto__"; there are size, share, kind, names, either, pair',
      'f:5:1: f has no "toString"; there are size, share, kind, names, either, pair',
      'f:1:7: size wants a whole number from 1 to 8, not "9"',
    ]);
  });

  it('takes any name where names are the user’s', () => {
    const { output, problems } = read('names: {constructor: 1, __proto__: 2, prototype: 3, hasOwnProperty: 4, 5: 5}');
    assert.deepEqual(problems, []);
    assert.deepEqual([...output!.names!].sort(), [
      ['5', 5],
      ['__proto__', 2],
      ['constructor', 1],
      ['hasOwnProperty', 4],
      ['prototype', 3],
    ]);
    assert.deepEqual(read('names: {"": 1}').problems, ['f:1:9:  may not be empty']);
  });

  it('tells what is wrong inside the form that a value has, and else all that it may be', () => {
    assert.deepEqual(read('either: [{a: 1}, {b: 2}]').problems, [
      'f:1:19: either has no "b"; there are a',
      'f:1:18: either has no a',
    ]);
    assert.deepEqual(read('either: 5').problems, ['f:1:9: either wants a text or a list, not "5"']);
  });

  it('checks keys together though others are wrong, and reads what is sound', () => {
    const { output, problems } = read('pair: {x: 1, y: 2, z: 3}\nkind: blue\nsize: 2');
    assert.deepEqual(problems, [
      'f:2:7: kind wants one of red, green, not "blue"',
      'f:1:20: pair has no "z"; there are x, y',
      'f:1:14: x and y differ',
    ]);
    assert.deepEqual(output, { size: 2 });
  });

  it('tells of a key without a value at the key, and of a part behind an alias at its anchor', () => {
    assert.deepEqual(read('a: &n {x: 10, y: 10}\npair: *n\nsize:').problems, [
      'f:1:1: f has no "a"; there are size, share, kind, names, either, pair',
      'f:3:1: size has no value',
      'f:1:11: x wants a whole number from 0 to 9, not "10"',
      'f:1:18: y wants a whole number from 0 to 9, not "10"',
    ]);
  });
});

describe('a file of YAML', () => {
  const problemsOf = (yaml: string | Uint8Array): readonly string[] =>
    new YamlDocument('f', Buffer.from(yaml as string)).problems;

  it('has names for keys, and aliases of anchors before them', () => {
    assert.deepEqual(problemsOf('? [a]\n: 1'), ['f:1:3: this is no name; keys are names']);
    assert.deepEqual(problemsOf('a: *x').length, 1);
  });

  it('may not ask for much in few lines, however it does', () => {
    const deep = `${'['.repeat(70)}${']'.repeat(70)}`;
    assert.deepEqual(problemsOf(deep), ['f:1:66: more than 64 levels of lists and mappings; give fewer']);
    assert.deepEqual(problemsOf('a: &a {b: *a}'), ['f:1:7: more than 64 levels of lists and mappings; give fewer']);
    const many = `a: &a [${'1,'.repeat(2000)}]\nb: [${'*a,'.repeat(600)}]`;
    assert.match(problemsOf(many).join(), /^f:\d+:\d+: more than 1000000 values; give fewer$/);
    assert.match(
      problemsOf(`a: &a 1\nb: [${'*a,'.repeat(1001)}]`).join(),
      /^f:2:\d+: more than 1000 aliases to follow/,
    );
  });
});
