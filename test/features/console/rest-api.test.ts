import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SignatureDetail } from '../../../src/admin/model-detail.ts';
import {
  callsOf,
  type Description,
  filledPath,
  schemaText,
} from '../../../src/features/console/ui/rest-api/description.ts';
import { exampleBody } from '../../../src/features/console/ui/rest-api/example-body.ts';
import { jsonText } from '../../../src/features/console/ui/rest-api/json-text.ts';

const operation = (tag: string, summary: string) => ({ operationId: summary, summary, tags: [tag], responses: {} });

const description: Description = {
  info: { title: 'T', version: '1' },
  paths: {
    '/v1/models/{model}:predict': { post: operation('TensorFlow Serving', 'Predict.') },
    '/v1/models/{model}/versions/{version}:predict': { post: operation('TensorFlow Serving', 'Predict.') },
    '/v2/logging': {
      get: operation('Open Inference Protocol', 'Settings.'),
      post: operation('Open Inference Protocol', 'Changes.'),
    },
  },
  components: {
    schemas: {
      Error: { type: 'object', properties: { error: { type: 'string', description: 'Why.' } }, required: ['error'] },
      Loop: { properties: { next: { $ref: '#/components/schemas/Loop' } } },
      Mixed: {
        anyOf: [{ enum: ['a', 1] }, { type: ['string', 'null'] }, { type: 'array', items: { type: 'integer' } }, {}],
      },
      Named: { type: 'object', additionalProperties: { $ref: '#/components/schemas/Error' } },
    },
  },
};

const signature: SignatureDetail = {
  ...{ name: 'serving_default', method: 'tensorflow/serving/predict', batch: 'dynamic' },
  inputs: [{ name: 'x', dtype: 'float32', shape: [-1, 2] }],
  outputs: [],
};

describe('the calls of the REST API', () => {
  it('are each there once, with all paths of theirs', () => {
    const calls = callsOf(description);
    assert.deepEqual(
      calls.map(({ method, tag, variants }) => [method, tag, variants.length]),
      [
        ['POST', 'TensorFlow Serving', 2],
        ['GET', 'Open Inference Protocol', 1],
        ['POST', 'Open Inference Protocol', 1],
      ],
    );
  });

  it('have paths of encoded values, once all are there', () => {
    assert.equal(
      filledPath('/v1/models/{model}/labels/{label}', { model: 'a/b ?', label: '{model}' }),
      '/v1/models/a%2Fb%20%3F/labels/%7Bmodel%7D',
    );
    assert.equal(filledPath('/v1/models/{model}', { model: '' }), undefined);
    assert.equal(filledPath('/v2', {}), '/v2');
  });

  it('have schemas as text', () => {
    const { schemas } = description.components;
    const text = (name: string): string => schemaText({ $ref: `#/components/schemas/${name}` }, schemas);
    assert.equal(text('Error'), '{\n  // Why.\n  error: string\n}');
    assert.equal(text('Loop'), '{\n  next?: Loop\n}');
    assert.equal(text('Mixed'), '"a" | 1 | string | null | [integer, …] | any');
    assert.equal(text('Named'), '{\n  [name]: {\n    // Why.\n    error: string\n  }\n}');
    assert.equal(text('toString'), 'toString');
  });

  it('begin with a body that fits the model', () => {
    const body = (schema: string): unknown => JSON.parse(exampleBody(schema, [signature]));
    assert.deepEqual(body('PredictRequest'), { instances: [[0, 0]] });
    assert.deepEqual(body('InferRequest'), { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [0, 0] }] });
    assert.deepEqual(body('Generated'), { x: [0, 0] });
    assert.deepEqual(body('ExamplesRequest'), {});
    assert.deepEqual(JSON.parse(exampleBody('PredictRequest', [])), {});
  });

  it('answer with JSON that is the same, on fewer lines', () => {
    for (const value of [
      {
        a: [
          [1, 2],
          ['x', null],
        ],
        'b"': {},
      },
      [],
      3,
      'x',
      null,
      { c: [{ d: true }] },
    ]) {
      assert.deepEqual(JSON.parse(jsonText(value)), value);
    }
    assert.equal(jsonText({ shape: [1, 64] }), '{\n "shape": [1,64]\n}');
  });
});
