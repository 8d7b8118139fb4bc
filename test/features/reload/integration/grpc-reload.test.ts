/** HandleReloadConfigRequest over a real connection, on both engines, with a reloader that the test holds. */
import assert from 'node:assert/strict';
import * as grpc from '@grpc/grpc-js';
import type { ModelConfig } from '../../../../src/config/model-config.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { ReloadHandler } from '../../../../src/features/reload/reload-handler.ts';
import { reloadService } from '../../../../src/features/reload/reload-service.ts';
import type { SurfaceMaker } from '../../../../src/kernel/installation.ts';
import { eachEngine as test } from '../../../support/grpc-engines.ts';
import { MODEL, withGrpc } from '../../../support/grpc-harness.ts';
import { JumpClock } from '../../../support/jump-clock.ts';

const METHOD = 'HandleReloadConfigRequest';
const HOUR_MS = 3_600_000;
const REQUEST = {
  config: {
    model_config_list: {
      config: [{ name: 'm', base_path: '/models/m', model_platform: 'tensorflow', version_labels: { stable: 3 } }],
    },
  },
  metric_names: ['grown', 'unknown'],
};

function puppet(reload: (models: readonly ModelConfig[]) => Promise<void>): ReloadHandler {
  let grown = 0;
  return new ReloadHandler({
    reloader: { reload },
    counterTotal: async (name) => {
      if (name !== 'grown') return 0;
      grown += 4;
      return grown;
    },
    defaults: { executionProvider: 'cpu' },
    limits: () => ({ runtimes: ['onnx'], modelRoots: ['/models'], writeRoots: () => ['/logs'] }),
    events: { onReloaded: () => undefined, onRefused: () => undefined, onWarning: () => undefined },
  });
}

function surfaceOf(reload: ReloadHandler | undefined): SurfaceMaker {
  return () => ({ grpc: (exchange) => [reloadService(reload, exchange)] });
}

test('a reload answers when the list is in force, with the increase of the counters', async () => {
  const lists: (readonly ModelConfig[])[] = [];
  const reload = puppet(async (models) => void lists.push(models));
  await withGrpc(
    () => undefined,
    async (server) => {
      const answer = await server.call(MODEL, METHOD, REQUEST);
      assert.deepEqual(answer.status, { error_code: 'OK', error_message: '' });
      assert.deepEqual(
        answer.metric.map((metric: Record<string, unknown>) => [metric['name'], metric['int64_value_increase']]),
        [
          ['grown', '4'],
          ['unknown', '0'],
        ],
      );
      assert.deepEqual(
        lists[0]!.map(({ name, versionLabels }) => [name, versionLabels.get('stable')]),
        [['m', 3n]],
      );
      assert.equal((await server.record(1)).outcome, 'ok');
    },
    { surfaces: [surfaceOf(reload)] },
  );
});

test('a wrong list is INVALID_ARGUMENT, a refused one FAILED_PRECONDITION', async () => {
  const refuse = puppet(async () => Promise.reject(new ServingError('load_failed', 'model "m" has no version 7')));
  await withGrpc(
    () => undefined,
    async (server) => {
      const none = await server.failure(MODEL, METHOD, {});
      assert.equal(none.code, grpc.status.INVALID_ARGUMENT);
      assert.match(none.details, /send a ModelServerConfig with a model_config_list/);
      const relative = { config: { model_config_list: { config: [{ name: 'm', base_path: 'm' }] } } };
      const wrong = await server.failure(MODEL, METHOD, relative);
      assert.equal(wrong.code, grpc.status.INVALID_ARGUMENT);
      assert.match(wrong.details, /wants an absolute path/);
      const refused = await server.failure(MODEL, METHOD, REQUEST);
      assert.equal(refused.code, grpc.status.FAILED_PRECONDITION);
      assert.match(refused.details, /no version 7/);
      assert.deepEqual(server.internalErrors, []);
    },
    { surfaces: [surfaceOf(refuse)] },
  );
});

test('a caller whose deadline passes is told so, and the reload goes on', async () => {
  const clock = new JumpClock();
  let end: (() => void) | undefined;
  let isDone = false;
  const slow = puppet(async () => {
    await new Promise<void>((resolve) => {
      end = resolve;
    });
    isDone = true;
  });
  await withGrpc(
    () => undefined,
    async (server) => {
      const failure = server.failure(MODEL, METHOD, REQUEST);
      await server.until(() => end !== undefined);
      clock.jump(HOUR_MS);
      const late = await failure;
      assert.equal(late.code, grpc.status.DEADLINE_EXCEEDED);
      assert.equal(isDone, false);
      assert.equal((await server.record(1)).outcome, 'deadline_exceeded');
      end!();
      await server.failure(MODEL, 'GetModelStatus', {});
      assert.equal(isDone, true);
    },
    // The server's own limit, so that no reset of the client's comes before it.
    { surfaces: [surfaceOf(slow)], clock, maxTimeoutMs: HOUR_MS },
  );
});

test('a server that does not allow reloads says how it was started', async () => {
  await withGrpc(
    () => undefined,
    async (server) => {
      const refused = await server.failure(MODEL, METHOD, REQUEST);
      assert.equal(refused.code, grpc.status.UNIMPLEMENTED);
      assert.match(refused.details, /to allow it start the server with --enable_reload_rpc/);
    },
    { surfaces: [surfaceOf(undefined)] },
  );
});
