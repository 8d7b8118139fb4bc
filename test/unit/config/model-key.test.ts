/** Keys of a model that features bring. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import { modelFields } from '../../../src/config/describe-config.ts';
import { type ModelConfig, modelOf } from '../../../src/config/model-config.ts';
import { parseModelFlag } from '../../../src/config/model-flag.ts';
import { ModelKey } from '../../../src/config/model-key.ts';
import { camelKeys, count, fields } from '../../../src/config/yaml/kinds.ts';
import { parsePillionYaml } from '../../../src/config/yaml/pillion-yaml.ts';
import { needsNewLoad } from '../../../src/models/lifecycle/config-change.ts';

const TEA = new ModelKey({
  name: 'tea',
  schema: v.pipe(fields({ cups_each: count(1, 9) }), v.transform(camelKeys)),
  help: 'How much it drinks.',
  flags: { cups: { read: (text) => BigInt(text), path: ['tea', 'cups_each'], wants: 'a number of cups' } },
});
const MOOD = new ModelKey({ name: 'mood', schema: v.string('a text'), help: 'How it feels.', isReadLate: true });
const DEFAULTS = { executionProvider: 'cpu', modelKeys: [TEA, MOOD] };

function read(line: string, modelKeys = DEFAULTS.modelKeys) {
  const errors: string[] = [];
  const text = `models:\n  - name: m\n    base_path: /m\n    ${line}`;
  const [model] = parsePillionYaml('p.yaml', Buffer.from(text), { options: {}, modelKeys }, errors).models(DEFAULTS);
  return { model: model!, errors };
}

describe('a key of a feature', () => {
  it('is read with the others, and is not among them', () => {
    const { model, errors } = read('tea: {cups_each: 2}');
    assert.deepEqual(errors, []);
    assert.deepEqual([TEA.of(model), MOOD.of(model)], [{ cupsEach: 2 }, undefined]);
    assert.equal('tea' in model, false);
    assert.deepEqual(modelFields(model)['tea'], { cups_each: 2 });
  });

  it('is checked by its schema, and unknown without its feature', () => {
    assert.deepEqual(read('tea: {cups_each: 10}').errors, [
      'p.yaml:4:22: cups_each wants a whole number from 1 to 9, not "10"',
    ]);
    assert.match(read('tea: {cups_each: 1}', []).errors.join(), /^p.yaml:4:5: a model has no "tea"/);
  });

  it('has a short form on the command line', () => {
    const flagged = (text: string) => parseModelFlag(`m=/m,${text}`, DEFAULTS);
    const parsed = flagged('cups=3');
    assert.ok('value' in parsed);
    assert.deepEqual(TEA.of(parsed.value), { cupsEach: 3 });
    assert.deepEqual(flagged('cups=10'), { error: 'cups=10 wants a number of cups' });
    const unknown = parseModelFlag('m=/m,cups=3', { executionProvider: 'cpu' });
    assert.ok('error' in unknown && unknown.error.startsWith('unknown key "cups"'));
  });

  it('makes versions load again where the feature does not read it late', () => {
    const model = (entry: object): ModelConfig => modelOf({ name: 'm', base_path: '/m', ...entry }, DEFAULTS);
    const plain = model({});
    assert.equal(needsNewLoad(plain, model({ mood: 'fine' })), false);
    assert.equal(needsNewLoad(plain, model({ tea: { cupsEach: 1 } })), true);
    assert.equal(needsNewLoad(model({ tea: { cupsEach: 1 } }), model({ tea: { cupsEach: 1 } })), false);
  });
});
