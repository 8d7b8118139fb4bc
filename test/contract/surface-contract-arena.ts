/**
 * One `pillion serve` and a client of each surface, for all tests of a file. At the end it must be the same process, which
 * answers, has told of no defect and holds no memory.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { RestStreamClient } from '../support/rest-stream-client.ts';
import { killSidecars } from '../support/sidecar.ts';
import { GrpcClient, RestClient } from '../support/surface-clients.ts';
import { type SurfaceSidecar, startSurfaceSidecar } from '../support/surface-sidecar.ts';
import type { SurfaceClients } from './surface-contract.ts';

export interface Arena {
  readonly server: SurfaceSidecar;
  readonly clients: SurfaceClients;
}

/** Of the whole process: models, their runtimes, Node; and what limits of 8 MB a request leave behind. */
const MAX_RESIDENT_BYTES = 1024 ** 3;

/** The server starts before the file's first test and ends after its last. Call the result within tests. */
export function useArena(): () => Arena {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-surface-'));
  let arena: Arena;
  before(async () => {
    const server = await startSurfaceSidecar(directory);
    const grpc = await GrpcClient.open(server.grpc);
    const clients = { rest: new RestClient(server.rest), restHttp2: new RestStreamClient(server.grpc), grpc };
    arena = { server, clients };
  });
  after(async () => {
    arena.clients.rest.close();
    arena.clients.restHttp2.close();
    await arena.clients.grpc.close();
    killSidecars();
    rmSync(directory, { recursive: true });
  });
  return () => arena;
}

/** What must hold of the server behind all other tests of the file. */
export function describeEnd(arena: () => Arena): void {
  describe('after all of it', () => {
    test('the same process answers on the same connections', async () => {
      const { server, clients } = arena();
      assert.equal(server.sidecar.process.exitCode, null);
      await clients.rest.good();
      await clients.restHttp2.good();
      await clients.grpc.good();
      await clients.grpc.good(true);
      assert.equal(clients.grpc.opened, 1);
    });

    test('nothing is in flight, no defect was told, no memory is held', async () => {
      const { server } = arena();
      const page = await server.untilQuiet();
      assert.equal(page.value('pillion_queue_rows'), 0);
      assert.deepEqual(server.defects, []);
      assert.equal(page.refusals('rest', 'internal') + page.refusals('grpc', 'internal'), 0);
      assert.ok(page.residentBytes < MAX_RESIDENT_BYTES, `${page.residentBytes} bytes are resident`);
    });

    test('it ends as asked', async () => {
      assert.equal(await arena().server.sidecar.stop(), 0);
    });
  });
}
