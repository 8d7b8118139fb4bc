/** `state` in the pillion.yaml beside a model: docs/model.schema.json tells what the reader takes. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { STATE } from '../../../src/features/sequences/state-key.ts';
import { loadModelFile } from '../../../src/models/model-file/load-model-file.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const isValid = new Ajv({ allowUnionTypes: true }).compile(JSON.parse(readFileSync('docs/model.schema.json', 'utf8')));

const CASES: readonly (readonly [yaml: string, isRight: boolean])[] = [
  ['state: {h: {output: hN}}', true],
  ['state: {h: {output: hN, initial: zeros, shape: [1, 8]}}', true],
  ['state: {h: {output: hN, initial: request}}', true],
  ['state: {h: {initial: zeros}}', false],
  ['state: {h: {output: hN, initial: ones}}', false],
];

for (const [yaml, isRight] of CASES) {
  test(`schema and reader both ${isRight ? 'take' : 'refuse'} ${JSON.stringify(yaml)}`, async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'pillion.yaml'), yaml);
    const file = (await loadModelFile(directory, { keys: [STATE], runtimes: [] }))!;
    if (isRight) assert.equal(file.views(new Map()).size, 0);
    else assert.throws(() => file.views(new Map()), /pillion\.yaml:1:/);
    assert.equal(isValid(parse(yaml)), isRight, JSON.stringify(isValid.errors));
  });
}
