/** docs/how-to/triton-repository.md: its example is taken, and it names every field and flag. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { TRITON_OPTIONS } from '../../../../src/config/options/triton-options.ts';
import { HOLDS, REFUSED, WITHOUT_EFFECT } from '../../../../src/config/triton/field-effects.ts';
import { modelOfEntry } from '../../../../src/config/triton/model-of-config.ts';

const PAGE = readFileSync('docs/how-to/triton-repository.md', 'utf8');

describe('docs/how-to/triton-repository.md', () => {
  it('shows a config.pbtxt that is taken without a word', () => {
    const text = /^```textproto config\.pbtxt\n([\s\S]*?)^```$/m.exec(PAGE)![1]!;
    const entry = { name: 'resnet', directory: '/r/resnet', file: { bytes: Buffer.from(text) } };
    const { model, warnings } = modelOfEntry(entry, { executionProvider: 'cpu' });
    assert.deepEqual([model.triton!.refusal, warnings], [undefined, []]);
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
