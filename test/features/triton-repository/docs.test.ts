/** src/features/triton-repository/README.md: its example is taken, and it names every field and flag. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { HOLDS, REFUSED, WITHOUT_EFFECT } from '../../../src/features/triton-repository/config/field-effects.ts';
import { modelOfEntry } from '../../../src/features/triton-repository/config/model-of-config.ts';
import { TRITON_OPTIONS } from '../../../src/features/triton-repository/options.ts';

const PAGE = readFileSync('src/features/triton-repository/README.md', 'utf8');

describe('src/features/triton-repository/README.md', () => {
  it('shows a config.pbtxt that is taken without a word', () => {
    const text = /^```textproto config\.pbtxt\n([\s\S]*?)^```$/m.exec(PAGE)![1]!;
    const entry = { name: 'resnet', directory: '/r/resnet', file: { bytes: Buffer.from(text) } };
    const { model, warnings } = modelOfEntry(entry, { executionProvider: 'cpu' });
    assert.deepEqual([model.refusal, warnings], [undefined, []]);
  });

  it('names every field that holds, refuses or has no effect', () => {
    for (const field of [...HOLDS, ...REFUSED.keys(), ...WITHOUT_EFFECT.keys()]) {
      const isThere = PAGE.includes(`\`${field}\``) || field.endsWith('.timeout_action');
      assert.ok(isThere, field);
    }
  });

  it('names every flag', () => {
    const names = Object.keys(TRITON_OPTIONS).map((name) => `--${name.replaceAll('_', '-')}`);
    for (const name of names) assert.ok(PAGE.includes(name), name);
  });
});
