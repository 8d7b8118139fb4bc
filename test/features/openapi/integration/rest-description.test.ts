/** /openapi.json against what the server answers: each body is as its schema says. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { descriptionPart } from '../../../../src/features/openapi/description.ts';
import { hasFeature } from '../../../support/has-feature.ts';
import { LISTED_SURFACES } from '../../../support/listed-features.ts';
import { signature, spec } from '../../../support/puppet-models.ts';
import { jsonOf, type RawConnection, RestHarness } from '../../../support/rest-harness.ts';

interface Media {
  readonly schema: { readonly $ref: string };
}

interface Document {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, { content?: Content }>> }>>>
  >;
}

type Content = Readonly<Record<string, Media>>;

const rest = new RestHarness({
  surfaces: [...LISTED_SURFACES, () => ({ rest: (all) => descriptionPart({ version: '1.2.3' }, all) })],
});
let connection: RawConnection;
let document: Document;
const ajv = new Ajv2020({ strict: false });

before(async () => {
  const float = signature({ x: spec('float32', [-1]) }, { y: spec('float32', [-1]) });
  rest.models.add('m', { signatures: { serving_default: float } });
  await rest.listen();
  connection = await rest.connect();
  connection.get('/openapi.json');
  const answer = await connection.answer();
  assert.equal(answer.headers.get('content-type'), 'application/json');
  document = jsonOf(answer) as Document;
  ajv.addSchema({ $id: 'description', ...document });
});

after(() => rest.close());

const INFER = '{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}';

const CASES: readonly [method: string, template: string, body: string, status: number][] = [
  ['post', '/v1/models/{model}:predict', '{"instances":[1]}', 200],
  ['post', '/v1/models/{model}:predict', '{"inputs":[1]}', 200],
  ['post', '/v1/models/{model}:predict', '{', 400],
  ['get', '/v1/models', '', 200],
  ['get', '/v1/models/{model}', '', 200],
  ['get', '/v1/models/{model}/metadata', '', 200],
  ['get', '/v2', '', 200],
  ['get', '/v2/health/live', '', 200],
  ['get', '/v2/health/ready', '', 200],
  ['get', '/v2/models/{model}', '', 200],
  ['get', '/v2/models/{model}/config', '', 200],
  ['get', '/v2/models/{model}/stats', '', 200],
  ['get', '/v2/models/stats', '', 200],
  ['post', '/v2/models/{model}/infer', INFER, 200],
  ['post', '/v2/models/{model}/infer', '{}', 400],
  ['post', '/v2/repository/index', '', 200],
  ['post', '/v2/repository/models/{model}/load', '', 501],
  ['get', '/v2/trace/setting', '', 200],
  ['post', '/v2/logging', '{}', 200],
  ['get', '/v2/systemsharedmemory/status', '', 501],
];

const isListed = (template: string): boolean => hasFeature('open-inference') || !template.startsWith('/v2');

for (const [method, template, body, status] of CASES.filter(([, template]) => isListed(template))) {
  test(`${status} of ${method.toUpperCase()} ${template}${body === '' ? '' : `, ${body}`}`, async () => {
    const path = template.replace('{model}', 'm');
    if (method === 'post') connection.post(path, body);
    else connection.get(path);
    const answer = await connection.answer();
    assert.equal(answer.status, status, answer.body.toString());
    const media = document.paths[template]![method]!.responses[status]!.content!['application/json']!;
    const isValid = ajv.compile({ $ref: `description${media.schema.$ref}` });
    assert.ok(isValid(jsonOf(answer)), JSON.stringify(isValid.errors));
  });
}

test('requests are as their schemas say', { skip: !hasFeature('open-inference') }, () => {
  const isInfer = ajv.compile({ $ref: 'description#/components/schemas/InferRequest' });
  assert.ok(isInfer(JSON.parse(INFER)));
  assert.ok(!isInfer({ inputs: [{ name: 'x', shape: [-1], datatype: 'FP32' }] }));
  assert.ok(!isInfer({ inputs: [{ name: 'x', shape: [1], datatype: 'FP31' }] }));
});

test('its head', () => {
  assert.match(document.openapi, /^3\.1\./);
  assert.equal(document.info.version, '1.2.3');
});
