/** `shadow` of a model: in the server's pillion.yaml, in --model, and in the pillion.yaml beside the model. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { AUTO_RUNTIME } from '../../../src/config/model-config.ts';
import { parseModelFlag } from '../../../src/config/model-flag.ts';
import { text } from '../../../src/config/yaml/kinds.ts';
import { parsePillionYaml } from '../../../src/config/yaml/pillion-yaml.ts';
import { shadowReport } from '../../../src/features/shadow/install.ts';
import { FILE_SHADOW, fileSchema, SHADOW } from '../../../src/features/shadow/keys.ts';
import { loadModelFile } from '../../../src/models/model-file/load-model-file.ts';
import { FEATURES } from '../../../src/pillion.ts';
import { hasFeature } from '../../support/has-feature.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const KEYS = { options: {}, modelKeys: [SHADOW] };
const DEFAULTS = { executionProvider: 'cpu', modelKeys: KEYS.modelKeys };
const SCHEMA = JSON.parse(readFileSync('docs/model.schema.json', 'utf8'));
const isValid = new Ajv({ allowUnionTypes: true }).compile(SCHEMA);

describe('the key shadow of a model', () => {
  const read = (lines: string) => {
    const errors: string[] = [];
    const text = Buffer.from(`models:\n  - name: m\n    base_path: /m\n${lines}`);
    const [model] = parsePillionYaml('p.yaml', text, KEYS, errors).models(DEFAULTS);
    return { shadow: model && SHADOW.of(model), errors: errors.join() };
  };

  it('fills in what a shadow leaves out', () => {
    assert.deepEqual(read('    shadow: {runtime: tfjs, sample: 0.25}').shadow, { runtime: 'tfjs', sample: 0.25 });
    assert.deepEqual(read('    shadow: {}').shadow, { runtime: 'auto', sample: 0.01 });
    assert.deepEqual(read('    shadow: {sample: 0}').shadow, { runtime: 'auto', sample: 0 });
  });

  it('says what is wrong with it', () => {
    assert.match(read('    shadow: {sample: 1.5}').errors, /p.yaml:4:22: sample wants a number from 0 to 1, not "1.5"/);
    assert.match(read('    shadow: {rate: 1}').errors, /p.yaml:4:14: .*"?rate"?/);
    assert.match(read('    shadow: onnx').errors, /shadow wants/);
  });

  it('reads what runs it and what runs copies of its batches', () => {
    const of = (keys: string) => {
      const parsed = parseModelFlag(`m=/m,${keys}`, DEFAULTS);
      return 'value' in parsed ? [parsed.value.backend, SHADOW.of(parsed.value)] : parsed.error;
    };
    assert.deepEqual(of('runtime=auto'), ['auto', undefined]);
    assert.deepEqual(of('backend=onnx,shadow=tfjs'), ['onnx', { runtime: 'tfjs', sample: 0.01 }]);
    assert.deepEqual(of('shadow=auto,shadow_sample=0.5'), [undefined, { runtime: 'auto', sample: 0.5 }]);
    assert.match(String(of('shadow_sample=0.5')), /say on what with shadow=RUNTIME/);
    for (const share of ['2', '-1', 'half'])
      assert.match(String(of(`shadow=auto,shadow_sample=${share}`)), /wants a number from 0 to 1/);
  });

  it('names a runtime', () => {
    const parsed = parseModelFlag('m=/m,shadow=tfjs', DEFAULTS);
    assert.equal('value' in parsed && SHADOW.backendOf(parsed.value), 'tfjs');
  });
});

test('the schema of the file beside a model has the keys that the reader knows', () => {
  const { properties } = SCHEMA.properties.shadow;
  assert.deepEqual(Object.keys(properties).sort(), Object.keys(fileSchema(text()).entries).sort());
  assert.deepEqual(properties.runtime.enum, [AUTO_RUNTIME, ...FEATURES.backends.kinds, null]);
});

const CASES: readonly (readonly [yaml: string, isRight: boolean])[] = [
  ...(hasFeature('tfjs') ? ([['{runtime: saved_model, shadow: {runtime: onnx, sample: 0.5}}', true]] as const) : []),
  ['shadow: {sample: 1}', true],
  ['shadow:', true],
  ['shadow: onnx', false],
  ['shadow: {runtime: onx}', false],
  ['shadow: {sample: 2}', false],
  ['shadow: {sample: half}', false],
  ['shadow: {rate: 0.1}', false],
];

for (const [yaml, isRight] of CASES) {
  test(`schema and reader both ${isRight ? 'take' : 'refuse'} ${JSON.stringify(yaml)}`, async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'pillion.yaml'), yaml);
    const file = (await loadModelFile(directory, { keys: [FILE_SHADOW], runtimes: FEATURES.backends.kinds }))!;
    if (isRight) assert.equal(file.views(new Map()).size, 0);
    else assert.throws(() => file.views(new Map()), /pillion\.yaml:1:/);
    assert.equal(isValid(parse(yaml)), isRight, JSON.stringify(isValid.errors));
  });
}

test('the report leaves out what is not known', () => {
  const report = shadowReport({
    ...{ runtime: 'saved_model', sample: 0.5, state: 'running', reason: 'process: only', restarts: 1 },
    ...{ residentBytes: 9, compared: 4, different: 1, latencyRatio: 3 },
    leftOut: { busy: 2, too_large: 0, failed: 0 },
    outputs: [
      { output: 'p', mismatches: 1, absolute: 0.5, relative: 0.25 },
      { output: 'd', mismatches: 0, absolute: undefined, relative: undefined },
    ],
  });
  assert.deepEqual(report, {
    ...{ runtime: 'saved_model', sample: 0.5, state: 'running', reason: 'process: only', restarts: 1 },
    ...{ resident_bytes: 9, compared: 4, different: 1, latency_ratio: 3 },
    left_out: { busy: 2, too_large: 0, failed: 0 },
    outputs: [
      { output: 'p', mismatches: 1, max_absolute: 0.5, max_relative: 0.25 },
      { output: 'd', mismatches: 0 },
    ],
  });
});
