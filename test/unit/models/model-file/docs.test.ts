/** docs/reference/signatures.md and docs/model.schema.json tell what the reader of pillion.yaml takes. */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { AUTO_RUNTIME } from '../../../../src/config/model-config.ts';
import { FEATURE_KINDS } from '../../../../src/core/feature-spec.ts';
import { FEATURE, METHODS, modelFileSchema, SIGNATURES } from '../../../../src/models/model-file/declaration.ts';
import { loadModelFile } from '../../../../src/models/model-file/load-model-file.ts';
import { FEATURES } from '../../../../src/pillion.ts';
import { signature, spec } from '../../../support/puppet-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

/** Of features that have one. */
const PAGES = FEATURES.features.map(({ name }) => `src/features/${name}/README.md`).filter((page) => existsSync(page));
const SCHEMA = JSON.parse(readFileSync('docs/model.schema.json', 'utf8'));
const BLOCKS = [...readFileSync('docs/reference/signatures.md', 'utf8').matchAll(/```yaml\n(.*?)```/gs)].map(
  ([, yaml]) => yaml!,
);
const EXAMPLE = readFileSync('examples/digits/models/digits/1/pillion.yaml', 'utf8');

/** The digits example's graph. */
const DIGITS = signature(
  { pixels: spec('float32', [-1, 64], 'pixels') },
  { probabilities: spec('float32', [-1, 10], 'probabilities'), digit: spec('int64', [-1], 'digit') },
);
const REGRESSION = signature({ x: spec('float32', [-1], 'x') }, { y: spec('float32', [-1], 'y') });

const isValid = new Ajv({ allowUnionTypes: true }).compile(SCHEMA);

async function isTaken(t: TestContext, yaml: string, graph = DIGITS): Promise<boolean> {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'pillion.yaml'), yaml);
  copyFileSync('examples/digits/models/digits/1/samples.json', join(directory, 'samples.json'));
  const file = await loadModelFile(directory, FEATURES.fileKeys);
  try {
    file!.views(new Map([['serving_default', graph]]));
    return true;
  } catch {
    return false;
  }
}

test('the page has examples, and each is taken and fits the schema', async (t) => {
  assert.ok(BLOCKS.length >= 2);
  for (const yaml of [...BLOCKS, EXAMPLE]) {
    assert.ok(await isTaken(t, yaml), yaml);
    assert.ok(isValid(parse(yaml)), JSON.stringify(isValid.errors));
  }
});

test('the examples of other pages fit the schema', () => {
  const found = PAGES.flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(/```yaml models\/\S+\n(.*?)```/gs)].map(([, yaml]) => yaml!),
  );
  for (const yaml of found) assert.ok(isValid(parse(yaml)), `${yaml}\n${JSON.stringify(isValid.errors)}`);
});

test('the schema has the keys that the reader knows, and no other', () => {
  const keys = (of: { properties: object }): string[] => Object.keys(of.properties).sort();
  const sorted = (names: readonly string[]): string[] => [...names].sort();
  assert.deepEqual(keys(SCHEMA), sorted(Object.keys(modelFileSchema(FEATURES.fileKeys).entries)));
  for (const method of METHODS) {
    assert.deepEqual(keys(SCHEMA.definitions[method]), sorted(Object.keys(SIGNATURES[method].entries)));
    assert.equal(SCHEMA.definitions[method].properties.method.const, method);
  }
  assert.deepEqual(keys(SCHEMA.definitions.feature), sorted(Object.keys(FEATURE.entries)));
  assert.deepEqual(SCHEMA.properties.runtime.enum, [AUTO_RUNTIME, ...FEATURES.backends.kinds, null]);
  assert.deepEqual(SCHEMA.definitions.feature.properties.dtype.enum, FEATURE_KINDS);
});

const REGRESS = 'method: regress, outputs: {outputs: y}';
const CASES: readonly [yaml: string, isRight: boolean][] = [
  ['', true],
  ['signatures:', true],
  ['signatures: {r: {method: regress, features: {x: }, outputs: {outputs: y}}}', true],
  ['signatures: {r: {method: regress, features: {f: x}, outputs: {outputs: y}}}', true],
  [`signatures: {r: {${REGRESS}, features: {f: {input: x, default: 1.5}}}}`, true],
  ['signatures: {p: {method: predict}}', true],
  ['signatures: {p: {method: predict, defaults: {x: 2}}}', true],
  ['runtime: auto', true],
  ['runtime: my-plug-in', false],
  ['runtime: [onnx]', false],
  ['models: []', false],
  ['signatures: [a]', false],
  ['signatures: {p: {}}', false],
  ['signatures: {p: {method: guess}}', false],
  ['signatures: {p: {method: predict, features: {x: }}}', false],
  ['signatures: {r: {method: regress, features: {x: }}}', false],
  ['signatures: {r: {method: regress, features: {x: }, outputs: {scores: y}}}', false],
  [`signatures: {r: {${REGRESS}, features: {x: {type: float32}}}}`, false],
  [`signatures: {r: {${REGRESS}, features: {x: {dtype: double}}}}`, false],
  [`signatures: {r: {${REGRESS}, features: {x: {shape: 3}}}}`, false],
  [`signatures: {r: {${REGRESS}, features: {x: {default: []}}}}`, false],
  [`signatures: {r: {${REGRESS}, features: {x: }, labels: [a]}}`, false],
];

for (const [yaml, isRight] of CASES) {
  test(`schema and reader both ${isRight ? 'take' : 'refuse'} ${JSON.stringify(yaml)}`, async (t) => {
    assert.equal(await isTaken(t, yaml, REGRESSION), isRight, 'reader');
    assert.equal(isValid(parse(yaml) ?? null), isRight, JSON.stringify(isValid.errors));
  });
}
