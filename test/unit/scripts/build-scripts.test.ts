/** What the bundle's scripts are made of: an import of a module is passed to main.cjs, a method of that name is not. */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';

const { withImportsLater } = await import(pathToFileURL(resolve('scripts/lib/bundle/build-scripts.mjs')).href);

describe('imports in a script of the bundle', () => {
  for (const [text, expected] of [
    ['await import("./a.js")', 'await importLater("./a.js")'],
    ['[import(\n"./a.js"),import(b)]', '[importLater(\n"./a.js"),importLater(b)]'],
    ['=>\nimport("./a.js")', '=>\nimportLater("./a.js")'],
  ]) {
    it(`${JSON.stringify(text)} is passed on`, () => assert.equal(withImportsLater(text), expected));
  }
  for (const text of [
    'copy.import(a.map(b))',
    'copy.\nimport(a.map(b))',
    'copy?.\n import(a)',
    '"await import(a)"',
    '// import(a)',
    'reimport(a)',
    '$import(a)',
    'class A{b(){}import(a,b){return a}}',
    'class A{b(){}import(a,\nb){return a}}',
    'class A{b(){}import(a,b)\n{return a}}',
  ]) {
    it(`${JSON.stringify(text)} stays`, () => assert.equal(withImportsLater(text), text));
  }
});
