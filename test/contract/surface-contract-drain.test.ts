/**
 * `pillion serve` told to end while requests are in flight, over both surfaces: what is in flight is answered, what
 * comes is turned away in a way that a client retries elsewhere, and the exit status says how it ended.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { RawConnection } from '../support/rest-harness.ts';
import { killSidecars } from '../support/sidecar.ts';
import { GrpcClient, readAnswer, restBytes, type SurfaceAnswer } from '../support/surface-clients.ts';
import { floats, outputOf, predict } from '../support/surface-request.ts';
import { type SurfaceSidecar, startSurfaceSidecar } from '../support/surface-sidecar.ts';
import { slowRows } from './surface-contract-stages.ts';

const MODELS = ['float', 'slow'];
const NEW = predict({ model: 'float', inputs: { x: floats(1, 2, 3, 4) } });
const UNAVAILABLE = 14;

const directory = mkdtempSync(join(tmpdir(), 'pillion-drain-'));

afterEach(killSidecars);

interface InFlight {
  readonly server: SurfaceSidecar;
  readonly grpc: GrpcClient;
  readonly connection: RawConnection;
  readonly restAnswer: Promise<SurfaceAnswer>;
  readonly grpcAnswer: Promise<SurfaceAnswer>;
}

/** A sidecar that runs `slow` for one request of each surface, `runs` batches each. */
async function inFlight(rows: number, args: readonly string[] = []): Promise<InFlight> {
  const server = await startSurfaceSidecar(directory, { models: MODELS, args });
  const grpc = await GrpcClient.open(server.grpc);
  const connection = new RawConnection(server.rest);
  await connection.opened();
  const { rest, grpc: message } = predict(slowRows(rows));
  connection.send(restBytes(rest));
  const restAnswer = readAnswer(connection);
  const grpcAnswer = grpc.send(message);
  // Whoever does not wait for the answer does not care how it fails.
  restAnswer.catch(() => undefined);
  await server.until((page) => page.inFlight === 2 && page.running('slow') === 1 && page.waiting('slow') > 0);
  return { server, grpc, connection, restAnswer, grpcAnswer };
}

async function told(server: SurfaceSidecar): Promise<void> {
  server.sidecar.process.kill('SIGTERM');
  await server.sidecar.line((line) => line.msg?.startsWith('draining') === true);
}

describe('SIGTERM', () => {
  test('answers what is in flight, turns away what comes, and ends with 0', async () => {
    const { server, grpc, connection, restAnswer, grpcAnswer } = await inFlight(48, ['--drain_timeout_ms=600000']);
    await told(server);
    // A call may cross with the news, and is answered then; from some call on, soon, all are turned away.
    let late = await grpc.send(NEW.grpc);
    while (late.code === 0) late = await grpc.send(NEW.grpc);
    assert.equal(late.code, UNAVAILABLE, late.text);
    assert.equal((await grpc.send(NEW.grpc)).code, UNAVAILABLE);
    await assert.rejects(new RawConnection(server.rest).opened(), { code: 'ECONNREFUSED' });
    const [restDone, grpcDone] = await Promise.all([restAnswer, grpcAnswer]);
    assert.deepEqual([restDone.code, restDone.closes], [200, true]);
    const values = Array.from({ length: 48 }, (_, i) => i);
    assert.deepEqual(
      (JSON.parse(restDone.body.toString()) as { outputs: number[][] }).outputs,
      values.map((v) => [v]),
    );
    assert.equal(grpcDone.code, 0, grpcDone.text);
    assert.deepEqual(outputOf(grpcDone.body).values, values);
    assert.equal(await connection.ended(), '');
    assert.equal(await server.sidecar.exited, 0);
    assert.ok(server.sidecar.lines.some(({ event }) => event === 'drained'));
    assert.deepEqual(server.defects, []);
    await grpc.close();
  });

  test('when the drain takes too long, tells what is in flight to go elsewhere, and ends with 0', async () => {
    const { server, grpc, restAnswer, grpcAnswer } = await inFlight(200, ['--drain_timeout_ms=50']);
    await told(server);
    const [restDone, grpcDone] = await Promise.all([restAnswer, grpcAnswer]);
    assert.deepEqual([restDone.code, grpcDone.code], [503, UNAVAILABLE]);
    for (const { text, retryAfterMs } of [restDone, grpcDone]) {
      assert.match(text, /shutting down; send the request to another replica/);
      assert.equal(retryAfterMs, 1000);
    }
    assert.equal(await server.sidecar.exited, 0);
    assert.deepEqual(server.defects, []);
    await grpc.close();
  });

  test('with a delay, is not ready but answers until the drain begins', async () => {
    const server = await startSurfaceSidecar(directory, { models: MODELS, args: ['--drain_delay_ms=600000'] });
    const grpc = await GrpcClient.open(server.grpc);
    server.sidecar.process.kill('SIGTERM');
    await server.sidecar.line(({ event }) => event === 'ending');
    const ready = await fetch(`${server.sidecar.admin}/ready`);
    assert.equal(ready.status, 503);
    assert.equal((await fetch(`${server.sidecar.admin}/live`)).status, 200);
    const connection = new RawConnection(server.rest);
    await connection.opened();
    connection.send(restBytes(NEW.rest));
    const { code, closes } = await readAnswer(connection);
    assert.deepEqual([code, closes], [200, false]);
    assert.equal((await grpc.send(NEW.grpc)).code, 0);
    assert.ok(!server.sidecar.lines.some(({ event }) => event === 'draining'));
    server.sidecar.process.kill('SIGTERM');
    assert.equal(await server.sidecar.exited, 'SIGKILL');
    connection.destroy();
    await grpc.close();
  });

  test('after the delay it drains, and ends with 0', async () => {
    const server = await startSurfaceSidecar(directory, { models: MODELS, args: ['--drain_delay_ms=20'] });
    assert.equal(await server.sidecar.stop(), 0);
    // At its exit the log may write its last line before the one before it, which is on its way.
    for (const step of ['ending', 'draining', 'drained']) {
      assert.ok(
        server.sidecar.lines.some(({ event }) => event === step),
        step,
      );
    }
  });

  test('a second time ends it at once, in the middle of a run', async () => {
    const { server, grpc, restAnswer, grpcAnswer } = await inFlight(200);
    await told(server);
    server.sidecar.process.kill('SIGTERM');
    assert.equal(await server.sidecar.exited, 'SIGKILL');
    assert.doesNotMatch(server.sidecar.output(), /terminate called/);
    await assert.rejects(restAnswer, /the connection ended/);
    assert.equal((await grpcAnswer).code, UNAVAILABLE);
    await grpc.close();
    rmSync(directory, { recursive: true });
  });
});
