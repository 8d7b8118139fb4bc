/** Where the server listens, how it drains and how it closes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { status as Status } from '@grpc/grpc-js';
import { ListenError } from '../../src/proxy/net/listen-address.ts';
import { eachEngine as test } from '../support/grpc-engines.ts';
import { type Answer, floatRequest, GrpcHarness, PREDICTION, withGrpc } from '../support/grpc-harness.ts';
import { affine, type Behaviour, echo } from '../support/puppet-models.ts';
import { tempDirectory } from '../support/temp-directory.ts';

function predict(server: GrpcHarness): Promise<Answer> {
  return server.call(PREDICTION, 'Predict', floatRequest([1]));
}

test('a Unix socket serves, and its file is gone after close', async (t) => {
  const path = join(tempDirectory(t), 'grpc.sock');
  await withGrpc(
    (models) => models.add('m', { behave: affine(2, 0) }),
    async (server) => {
      assert.equal(server.address, `unix:${path}`);
      assert.deepEqual((await predict(server)).outputs.y.float_val, [2]);
      assert.ok(existsSync(path));
      assert.equal((await server.record(1)).peer, 'unix');
    },
    { address: `unix:${path}` },
  );
  assert.ok(!existsSync(path));
});

/** Leaves a socket file behind, as a process that was killed does. */
function leaveStaleSocket(path: string): void {
  const source = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', source]);
  assert.ok(existsSync(path));
}

test('the socket file of a process that was killed is taken over', async (t) => {
  const path = join(tempDirectory(t), 'grpc.sock');
  leaveStaleSocket(path);
  await withGrpc(
    (models) => models.add('m'),
    async (server) => {
      await predict(server);
    },
    { address: `unix:${path}` },
  );
});

test('the socket file of a live process is left alone, and so is a file that is no socket', async (t) => {
  const path = join(tempDirectory(t), 'grpc.sock');
  const other = createServer().listen(path);
  await new Promise((resolve) => other.once('listening', resolve));
  const harness = new GrpcHarness({});
  const isListenError = (code: string, text: RegExp) => (error: unknown) =>
    error instanceof ListenError && error.code === code && text.test(error.message);
  await assert.rejects(harness.server.listen([`unix:${path}`]), isListenError('EADDRINUSE', /another process serves/));
  assert.ok(existsSync(path));
  await new Promise((resolve) => other.close(resolve));

  writeFileSync(path, 'precious');
  const second = new GrpcHarness({});
  await assert.rejects(second.server.listen([`unix:${path}`]), isListenError('ENOTSOCK', /no socket/));
  assert.ok(existsSync(path));
});

test('a port in use is an error that says so, and no other address stays bound', async () => {
  await withGrpc(
    (models) => models.add('m'),
    async (server) => {
      const second = new GrpcHarness({});
      await assert.rejects(
        second.server.listen(['127.0.0.1:0', server.address]),
        (error: unknown) => error instanceof ListenError && error.code === 'EADDRINUSE' && /in use/.test(error.message),
      );
      await predict(server);
    },
  );
});

test('several addresses are served at once; [::] takes IPv4 too', async (t) => {
  const path = join(tempDirectory(t), 'grpc.sock');
  const harness = new GrpcHarness({});
  harness.models.add('m', { behave: echo });
  const [all, unix] = await harness.server.listen(['[::]:0', `unix:${path}`]);
  assert.match(all!, /^(\[::\]|0\.0\.0\.0):\d+$/);
  harness.address = `127.0.0.1:${/\d+$/.exec(all!)![0]}`;
  await predict(harness);
  assert.equal(unix, `unix:${path}`);
  await harness.stop();
});

test('text that is no address is refused', async () => {
  for (const text of [
    '',
    '8500',
    'host',
    'host:',
    ':8500',
    'host:70000',
    '[::1',
    'a b:1',
    'unix:',
    `unix:${'x'.repeat(200)}`,
  ]) {
    const harness = new GrpcHarness({});
    await assert.rejects(
      harness.server.listen([text]),
      (error: unknown) => error instanceof ListenError && error.code === 'EINVAL',
    );
  }
});

/** A model that answers when the test says so. */
function held(): { behave: Behaviour; entered: Promise<void>; release: () => void } {
  let enter = (): void => undefined;
  let release = (): void => undefined;
  const entered = new Promise<void>((resolve) => {
    enter = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const behave: Behaviour = async (request) => {
    enter();
    await released;
    return echo(request);
  };
  return { behave, entered, release };
}

test('a drain lets what is in flight finish, refuses what comes and then closes the connections', async () => {
  const model = held();
  await withGrpc(
    (models) => models.add('m', { behave: model.behave }),
    async (server) => {
      const inFlight = predict(server);
      await model.entered;
      const quiet = server.lifecycle.drain();
      const refused = await server.failure(PREDICTION, 'Predict', floatRequest([1]));
      assert.equal(refused.code, Status.UNAVAILABLE);
      assert.match(refused.details, /shutting down/);
      const drained = server.server.drain();
      model.release();
      assert.deepEqual((await inFlight).outputs.y.float_val, [1]);
      await quiet;
      await drained;
      const gone = await server.failure(PREDICTION, 'Predict', floatRequest([1]), { deadlineMs: 2000 });
      assert.ok([Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED].includes(gone.code));
    },
  );
});

test('close does not wait: what is in flight is cancelled', async () => {
  const model = held();
  await withGrpc(
    (models) => models.add('m', { behave: model.behave }),
    async (server) => {
      const failed = server.failure(PREDICTION, 'Predict', floatRequest([1]));
      await model.entered;
      await server.server.close();
      assert.notEqual((await failed).code, Status.OK);
      assert.equal((await server.record(1)).outcome, 'cancelled');
      await server.server.close();
      await server.server.drain();
    },
  );
});
