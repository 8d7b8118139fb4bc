/**
 * Bad input of every kind, over REST and gRPC, against one `pillion serve`: see surface-contract.ts. At the end it is
 * the same process, it answers, it has counted every refusal once, has told of no defect and holds no memory.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { killSidecars } from '../support/sidecar.ts';
import { GrpcClient, RestClient } from '../support/surface-clients.ts';
import { type SurfaceSidecar, startSurfaceSidecar } from '../support/surface-sidecar.ts';
import { runBad, runGood, type SurfaceClients, type SurfaceName } from './surface-contract.ts';
import {
  describeConnections,
  describeGrpcGarbage,
  describeGrpcHeaders,
  describeOverload,
  describePipelining,
} from './surface-contract-crowds.ts';
import { describeEquivalence } from './surface-contract-equal.ts';
import { BAD_INFERENCE } from './surface-contract-inference.ts';
import { BAD_INPUTS, GOOD_INPUTS } from './surface-contract-inputs.ts';
import { BAD_JSON, GOOD_JSON } from './surface-contract-json.ts';
import { BAD_LIMITS, GOOD_LIMITS } from './surface-contract-limits.ts';
import { BAD_OPEN_INFERENCE } from './surface-contract-open-inference.ts';
import { type Arena, describeClientsThatLeave, describeStreamsThatReset } from './surface-contract-stages.ts';
import { BAD_TENSORS } from './surface-contract-tensors.ts';
import { BAD_WIRE } from './surface-contract-wire.ts';

const BAD = [
  ...BAD_JSON,
  ...BAD_INPUTS,
  ...BAD_TENSORS,
  ...BAD_LIMITS,
  ...BAD_WIRE,
  ...BAD_INFERENCE,
  ...BAD_OPEN_INFERENCE,
];
const GOOD = [...GOOD_JSON, ...GOOD_INPUTS, ...GOOD_LIMITS];
const SURFACES: readonly SurfaceName[] = ['rest', 'grpc'];
/** Of the whole process: models, their runtimes, Node; and what limits of 8 MB a request leave behind. */
const MAX_RESIDENT_BYTES = 1024 ** 3;

const directory = mkdtempSync(join(tmpdir(), 'pillion-surface-'));
let server: SurfaceSidecar;
let clients: SurfaceClients;
let pid: number | undefined;

before(async () => {
  server = await startSurfaceSidecar(directory);
  pid = server.sidecar.process.pid;
  clients = { rest: new RestClient(server.rest), grpc: await GrpcClient.open(server.grpc) };
});

after(async () => {
  clients.rest.close();
  await clients.grpc.close();
  killSidecars();
  rmSync(directory, { recursive: true });
});

const arena = (): Arena => ({ server, clients });

for (const surface of SURFACES) {
  describe(`${surface}: refused, and the connection goes on`, () => {
    for (const scenario of BAD) {
      if (scenario[surface] !== undefined) test(scenario.name, () => runBad(scenario, surface, clients));
    }

    test('each was counted once, under its kind', async () => {
      const page = await server.untilQuiet();
      const expected = new Map<string, number>();
      for (const { [surface]: sent, kind, isUncounted } of BAD) {
        if (sent === undefined || isUncounted?.includes(surface)) continue;
        expected.set(kind, (expected.get(kind) ?? 0) + 1);
      }
      for (const [kind, count] of expected) assert.equal(page.refusals(surface, kind), count, kind);
      const total = [...expected.values()].reduce((sum, count) => sum + count, 0);
      assert.equal(page.refusals(surface), total);
    });

    test('none has cost a connection that it must not', () => {
      const closing = BAD.filter((scenario) => scenario.rest !== undefined && scenario.closes).length;
      assert.equal(clients.rest.opened, closing + 1);
      if (surface === 'grpc') assert.equal(clients.grpc.opened, 1);
    });
  });

  describe(`${surface}: odd and right`, () => {
    for (const scenario of GOOD) {
      if (scenario[surface] !== undefined) test(scenario.name, () => runGood(scenario, surface, clients));
    }
  });
}

describeEquivalence(arena);
for (const surface of SURFACES) describeClientsThatLeave(surface, arena);
describeStreamsThatReset(arena);
describePipelining(arena);
for (const surface of SURFACES) describeOverload(surface, arena);
describeConnections(arena);
describeGrpcGarbage(arena);
describeGrpcHeaders(arena);

describe('after all of it', () => {
  test('the same process answers on the same connections', async () => {
    assert.equal(server.sidecar.process.exitCode, null);
    assert.equal(server.sidecar.process.pid, pid);
    await clients.rest.good();
    await clients.grpc.good();
    await clients.grpc.good(true);
    assert.equal(clients.grpc.opened, 1);
  });

  test('nothing is in flight, no defect was told, no memory is held', async () => {
    const page = await server.untilQuiet();
    assert.equal(page.value('pillion_queue_rows'), 0);
    assert.deepEqual(server.defects, []);
    assert.equal(page.refusals('rest', 'internal') + page.refusals('grpc', 'internal'), 0);
    assert.ok(page.residentBytes < MAX_RESIDENT_BYTES, `${page.residentBytes} bytes are resident`);
  });

  test('it ends as asked', async () => {
    assert.equal(await server.sidecar.stop(), 0);
  });
});
