/** Every input that fuzzing has kept, and those that once showed a fault, on the targets without instrumentation. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { corpusNames, readCorpus } from './engine/corpus.ts';
import type { FuzzTarget } from './fuzz-target.ts';

const names = readdirSync(new URL('./targets', import.meta.url))
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.slice(0, -'.js'.length));

test('each corpus has a target', () => {
  assert.deepEqual(
    corpusNames().filter((name) => !names.includes(name)),
    [],
  );
});

for (const name of names) {
  test(`fuzz target ${name} on its corpus`, async () => {
    const { target } = (await import(`./targets/${name}.js`)) as { readonly target: FuzzTarget };
    for (const input of [...target.seeds.map((seed) => Buffer.from(seed as string)), ...readCorpus(name)]) {
      await target.run(Buffer.from(input));
    }
  });
}
