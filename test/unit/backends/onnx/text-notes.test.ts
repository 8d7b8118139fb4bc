/** Exports of text pipelines whose words are not scikit-learn's: which input's texts, and what to export instead. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { textNotesOf } from '../../../../src/backends/onnx/text-notes.ts';
import { type OnnxNode, type OnnxValue, onnxModel } from '../../../support/onnx-model.ts';

const NAMES = ['note', 'city'] as const;
const INPUTS: readonly OnnxValue[] = NAMES.map((name) => ({ name, dtype: 'string', dims: ['N'] }));

function notes(locale: string, tokenexp: string, action = 'LOWER'): ReadonlyMap<string, string> {
  const nodes: readonly OnnxNode[] = [
    { op: 'Identity', inputs: ['city'], outputs: ['same_city'] },
    {
      op: 'StringNormalizer',
      inputs: ['note'],
      outputs: ['lower'],
      attributes: { case_change_action: action, locale },
    },
    { op: 'Tokenizer', domain: 'com.microsoft', inputs: ['lower'], outputs: ['words'], attributes: { tokenexp } },
  ];
  const outputs = ['same_city', 'words'].map((name): OnnxValue => ({ name, dtype: 'string', dims: ['N'] }));
  return textNotesOf(onnxModel({ inputs: INPUTS, outputs, nodes }));
}

describe('notes on text operators', () => {
  it('name the input whose words are cut, through the nodes before, and the export that does not', () => {
    const found = notes('en_US.UTF-8', '[a-zA-Z0-9_]+');
    assert.deepEqual([...found.keys()], ['note']);
    assert.match(found.get('note')!, /^texts of input "note" are cut at letters beyond ASCII, which scikit-learn/);
    assert.match(found.get('note')!, /"locale": "C\.UTF-8", "tokenexp": r"\[\\p\{L\}\\p\{N\}_\]\{2,\}"/);
  });

  it('name a case that stays, where something changes the case', () => {
    assert.match(notes('C', '[\\p{L}]+').get('note')!, /keep the case of letters beyond ASCII, which/);
    assert.match(notes('C', '[a-zA-Z0-9_]+').get('note')!, /keep the case .*, and are cut at letters beyond ASCII/);
    assert.equal(notes('C', '[\\p{L}]+', 'NONE').size, 0);
  });

  it('are none for an export whose words are the library’s', () => {
    assert.equal(notes('C.UTF-8', '[\\p{L}\\p{N}_]{2,}').size, 0);
  });
});
