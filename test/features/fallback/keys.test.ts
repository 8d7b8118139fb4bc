/** `fallback` and `degrade_to` in pillion.yaml and in --model. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import type { ModelConfig } from '../../../src/config/model-config.ts';
import { parseModelFlag } from '../../../src/config/model-flag.ts';
import { parsePillionYaml } from '../../../src/config/yaml/pillion-yaml.ts';
import { DEGRADE_TO, FALLBACK, fallbacksOf } from '../../../src/features/fallback/keys.ts';

const KEYS = { options: {}, modelKeys: [FALLBACK, DEGRADE_TO] };
const DEFAULTS = { executionProvider: 'cpu', modelKeys: KEYS.modelKeys };

function read(text: string) {
  const errors: string[] = [];
  const models = parsePillionYaml('p.yaml', Buffer.from(text), KEYS, errors).models(DEFAULTS);
  return { models, errors };
}

const readModel = (lines: string) => read(`models:\n  - name: m\n    base_path: /m\n${lines}`);

describe('the models that answer in place of one', () => {
  it('are read with a version or a label', () => {
    const { models, errors } = readModel('    fallback: m:2\n    degrade_to: m@stable\n');
    assert.deepEqual(errors, []);
    assert.deepEqual(fallbacksOf(models[0]), {
      fallback: { name: 'm', version: 2n, label: undefined },
      degradeTo: { name: 'm', version: undefined, label: 'stable' },
    });
  });

  it('refuses a stand-in that is not there, the model itself, and a ring of them', () => {
    const ring = (text: string) => read(`models:\n${text}`).errors.join('\n');
    assert.match(
      readModel('    fallback: other').errors.join(),
      /p.yaml:2:5: .*fallback names "other", which is not served/,
    );
    assert.match(
      readModel('    degrade_to: m').errors.join(),
      /degrade_to is the model itself; name another, or one version/,
    );
    assert.match(readModel('    fallback: a b').errors.join(), /p.yaml:4:15: fallback wants a model, such as small/);
    assert.match(
      ring(
        ' - {name: a, base_path: /a, fallback: b}\n - {name: b, base_path: /b, degrade_to: c}\n - {name: c, base_path: /c, fallback: a}',
      ),
      /model "a": fallback and degrade_to lead back to it: a → b → c → a/,
    );
    assert.equal(ring(' - {name: a, base_path: /a, fallback: b}\n - {name: b, base_path: /b, fallback: b:1}'), '');
  });

  it('reads who answers in its place', () => {
    const { value } = parseModelFlag('m=/m,fallback=small:3,degrade_to=tiny@canary,breaker=off', DEFAULTS) as {
      value: ModelConfig;
    };
    const { fallback, degradeTo } = fallbacksOf(value)!;
    assert.deepEqual(
      [fallback, degradeTo, value.breaker],
      [{ name: 'small', version: 3n, label: undefined }, { name: 'tiny', version: undefined, label: 'canary' }, 'off'],
    );
  });

  it('refuses m=/x,fallback=a:b', () => {
    const { error } = parseModelFlag('m=/x,fallback=a:b', DEFAULTS) as { error: string };
    assert.match(error, /fallback=a:b wants a model, such as small/);
  });
});
