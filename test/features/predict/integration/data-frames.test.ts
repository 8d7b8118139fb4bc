/** Data as frames have it, in a whole server: CSV by names over each protocol, and records and lists over REST. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, it, type TestContext } from 'node:test';
import { killSidecars, runPillion, type Sidecar, startSidecar, type Wrap } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

after(killSidecars);

const FIXTURES = 'test/fixtures/first-answers';
const EXPECTED = JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8')) as {
  readonly churn: readonly number[];
  readonly reviews: readonly (readonly number[])[];
};
const REVIEWS = [
  { review: 'rude and late', city: 'Oslo', visits: 4.0 },
  { review: 'friendly and fast', city: 'Rome', visits: 1.0 },
];

/** As bin/pillion starts this command: protobuf.js makes code of descriptors. */
const asLaunched: Wrap = (command) => command.filter((word) => word !== '--disallow-code-generation-from-strings');

async function start(t: TestContext): Promise<Sidecar> {
  const root = tempDirectory(t);
  for (const [name, file, from] of [
    ['churn', 'model.txt', 'churn.txt'],
    ['reviews', 'model.onnx', 'reviews.onnx'],
  ] as const) {
    mkdirSync(join(root, name, '1'), { recursive: true });
    cpSync(join(FIXTURES, from), join(root, name, '1', file));
  }
  const models = ['churn', 'reviews'].map((name) => `--model=${name}=${join(root, name)}`);
  const sidecar = await startSidecar(models);
  t.after(() => sidecar.stop());
  return sidecar;
}

async function post(sidecar: Sidecar, model: string, body: object): Promise<Record<string, unknown>> {
  const answer = await fetch(`${sidecar.rest}/v1/models/${model}:predict`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  return (await answer.json()) as Record<string, unknown>;
}

function near(actual: readonly number[], wanted: readonly number[]): void {
  assert.equal(actual.length, wanted.length);
  for (const [i, number] of actual.entries()) assert.ok(Math.abs(number - wanted[i]!) < 1e-5, `${actual}`);
}

it('is sent by the names of columns over each protocol', async (t) => {
  const sidecar = await start(t);
  for (const protocol of ['rest', 'v2', 'grpc']) {
    const server = protocol === 'grpc' ? sidecar.grpc : sidecar.rest;
    const asked = ['predict', 'churn', join(FIXTURES, 'churn.csv'), `--protocol=${protocol}`, `--server=${server}`];
    const child = runPillion(asked, {}, asLaunched);
    assert.equal(await child.exited, 0, child.output());
    near(child.output().trim().split('\n').slice(1).map(Number), EXPECTED.churn);
  }
  const models = runPillion(['models', `--admin=${new URL(sidecar.admin).host}`]);
  assert.equal(await models.exited, 0, models.output());
  assert.match(models.output(), /features: age, city \(Bern, Oslo, Rome\)/);
});

it('is taken as records and as lists, for trees and for columns that are inputs', async (t) => {
  const sidecar = await start(t);
  const [ages, cities] = [
    [70, 57, 49],
    ['Bern', 'Oslo', 'Bern'],
  ];
  const people = ages!.map((age, i) => ({ age, city: cities![i] }));
  near((await post(sidecar, 'churn', { instances: people }))['predictions'] as number[], EXPECTED.churn);
  near((await post(sidecar, 'churn', { inputs: { city: cities, age: ages } }))['outputs'] as number[], EXPECTED.churn);

  const byRows = (await post(sidecar, 'reviews', { instances: REVIEWS }))['predictions'] as {
    readonly probabilities: readonly number[];
  }[];
  near(
    byRows.flatMap(({ probabilities }) => probabilities),
    EXPECTED.reviews.flat(),
  );
  const lists = Object.fromEntries(
    (['review', 'city', 'visits'] as const).map((name) => [name, REVIEWS.map((row) => row[name])]),
  );
  const byColumns = (await post(sidecar, 'reviews', { inputs: lists }))['outputs'] as Record<string, number[][]>;
  near(byColumns['probabilities']!.flat(), EXPECTED.reviews.flat());
});

it('is told in the metadata of both protocols', async (t) => {
  const sidecar = await start(t);
  const columns = [{ name: 'age' }, { name: 'city', categories: ['Bern', 'Oslo', 'Rome'] }];
  const read = async (path: string): Promise<unknown> => (await fetch(`${sidecar.rest}${path}`)).json();
  const { metadata } = (await read('/v1/models/churn/metadata')) as { readonly metadata: Record<string, unknown> };
  assert.deepEqual(metadata['columns'], { serving_default: { features: columns } });
  const { inputs } = (await read('/v2/models/churn')) as { readonly inputs: readonly object[] };
  assert.deepEqual(inputs, [{ name: 'features', datatype: 'FP64', shape: [-1, 2], parameters: { columns } }]);
});
