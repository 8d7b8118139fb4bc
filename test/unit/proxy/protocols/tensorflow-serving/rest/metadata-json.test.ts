import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metadataJson } from '../../../../../../src/proxy/protocols/tensorflow-serving/rest/metadata-json.ts';
import { signature, spec } from '../../../../../support/puppet-models.ts';

test('signature_def stands twice, sizes are strings, defaults are printed', () => {
  const classify = signature(
    { x: spec('float32', [-1, 28], 'x:0'), s: spec('string', []), __proto__x: spec('int64', undefined, 'p:0') },
    { y: spec('uint8', [3], 'y:0') },
  );
  const text = metadataJson({ name: 'm', version: 123n, signatures: new Map([['serving_default', classify]]) });
  assert.equal(
    text,
    JSON.stringify({
      model_spec: { name: 'm', signature_name: '', version: '123' },
      metadata: {
        signature_def: {
          signature_def: {
            serving_default: {
              inputs: {
                x: {
                  dtype: 'DT_FLOAT',
                  tensor_shape: {
                    dim: [
                      { size: '-1', name: '' },
                      { size: '28', name: '' },
                    ],
                    unknown_rank: false,
                  },
                  name: 'x:0',
                },
                s: { dtype: 'DT_STRING', tensor_shape: { dim: [], unknown_rank: false }, name: 'tensor:0' },
                __proto__x: { dtype: 'DT_INT64', tensor_shape: { dim: [], unknown_rank: true }, name: 'p:0' },
              },
              outputs: {
                y: {
                  dtype: 'DT_UINT8',
                  tensor_shape: { dim: [{ size: '3', name: '' }], unknown_rank: false },
                  name: 'y:0',
                },
              },
              method_name: 'tensorflow/serving/predict',
              defaults: {},
            },
          },
        },
      },
    }),
  );
});

test('an input may have any name', () => {
  const odd = signature({ ['__proto__']: spec('bool', []) }, {});
  const text = metadataJson({ name: 'm', version: 1n, signatures: new Map([['s', odd]]) });
  assert.match(text, /"inputs":\{"__proto__":\{"dtype":"DT_BOOL"/);
});

test('notes stand beside the signatures, if there are any', () => {
  const metadata = { name: 'm', version: 1n, signatures: new Map() };
  const read = (notes: readonly string[]) => JSON.parse(metadataJson({ ...metadata, notes })).metadata;
  assert.deepEqual(read(['output "a" is not served']).notes, ['output "a" is not served']);
  assert.deepEqual(Object.keys(read([])), ['signature_def']);
});
