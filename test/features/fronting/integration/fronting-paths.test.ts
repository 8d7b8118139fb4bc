/** Whose path is whose, with `--inference_path_prefix`, in a real sidecar. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { floats, predictLog, writeRecords } from '../../../support/prediction-logs.ts';
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { writeSurfaceModels } from '../../../support/surface-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const BODY = '{"instances":[[1,2,3,4]]}';

const app = createServer((request, response) => response.end(`app ${request.method} ${request.url}`));

before(() => new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve)));
after(() => {
  killSidecars();
  app.closeAllConnections();
  app.close();
});

function appUrl(): string {
  return `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
}

async function post(sidecar: Sidecar, path: string, body: string): Promise<string> {
  return (await fetch(sidecar.rest + path, { method: 'POST', body })).text();
}

test('an application keeps the paths that inference leaves, and the log says which are not its own', async (t) => {
  const directory = tempDirectory(t);
  const flags = writeSurfaceModels(directory, ['float']);
  const sidecar = await startSidecar([...flags, `--app=${appUrl()}`, '--inference_path_prefix=/pillion']);
  const predict = '/v1/models/float:predict';
  assert.equal(await post(sidecar, predict, BODY), `app POST ${predict}`);
  const predicted = await post(sidecar, `/pillion${predict}`, BODY);
  assert.match(predicted, /^\{"predictions":/);
  assert.match(await post(sidecar, '/pillion/v2/models/float/infer', '{}'), /"error"/);
  const description = (await (await fetch(`${sidecar.rest}/pillion/openapi.json`)).json()) as { paths: object };
  assert.ok('/pillion/v1/models/{model}:predict' in description.paths);
  assert.match(
    await (await fetch(`${sidecar.rest}/monitoring/prometheus/metrics`)).text(),
    /pillion_requests_in_flight/,
  );
  const about = (await (await fetch(`${sidecar.admin}/about`)).json()) as { inference_path_prefix?: string };
  assert.equal(about.inference_path_prefix, '/pillion');

  const line = await sidecar.line(({ event }) => event === 'fronting');
  assert.equal(line['app'], appUrl());
  const paths = line['paths'] as string[];
  for (const path of ['/pillion/v1/models', '/pillion/v2', '/pillion/openapi.json', '/monitoring/prometheus/metrics']) {
    assert.ok(paths.includes(path), path);
  }
  const below = paths.filter((path) => /^\/pillion\/(v1\/models|v2)\//.test(path));
  assert.deepEqual(below, [], 'a place has all that is below it');
  const services = line['services'] as string[];
  for (const service of [
    'tensorflow.serving.PredictionService',
    'inference.GRPCInferenceService',
    'grpc.health.v1.Health',
  ]) {
    assert.ok(services.includes(service), service);
  }

  const log = join(directory, 'log');
  const row = { ...floats(1, 2, 3, 4), tensorShape: { dim: [{ size: 1n }, { size: 4n }] } };
  writeRecords(log, predictLog({ name: 'float', inputs: { x: row } }));
  const replay = runPillion(['replay', `--in=${log}`, `--rest=${sidecar.rest.slice(7)}/pillion`]);
  assert.equal(await replay.exited, 0, replay.output());
  assert.equal(await sidecar.stop(), 0);
});

test('without a prefix the log has the plain paths; without an application there is no such line', async (t) => {
  const flags = writeSurfaceModels(tempDirectory(t), ['float']);
  const fronted = await startSidecar([...flags, `--app=${appUrl()}`]);
  const line = await fronted.line(({ event }) => event === 'fronting');
  assert.deepEqual(line['paths'], ['/v1/models', '/v2', '/monitoring/prometheus/metrics']);
  assert.equal(await fronted.stop(), 0);
  const alone = await startSidecar(flags);
  assert.equal(await alone.stop(), 0);
  assert.ok(alone.lines.every(({ event }) => event !== 'fronting'));
});
