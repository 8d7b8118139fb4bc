/** Loading and unloading models by request, over a manager whose states a test moves. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import {
  ConfiguredModels,
  type OperatedModels,
} from '../../../src/features/triton-repository/repository/configured-models.ts';
import type { UnloadOptions } from '../../../src/features/triton-repository/repository/model-repository.ts';
import { RepositoryHandler } from '../../../src/features/triton-repository/repository/repository-handler.ts';
import type { AuditLog } from '../../../src/ledger/log/audit-log.ts';
import type { VersionState, VersionStatus } from '../../../src/models/serving/servable.ts';
import type { Principal } from '../../../src/proxy/access-control.ts';
import { RequestContext } from '../../../src/proxy/request-context.ts';
import { FakeClock } from '../../support/fake-clock.ts';

class PuppetManager implements OperatedModels {
  readonly modelNames = ['m', 'late'];
  readonly states = new Map<bigint, VersionStatus>();
  readonly unloaded = new Set<bigint>();
  disk: readonly bigint[] = [];
  lastFailure: ServingError | undefined;
  readonly operated: string[] = [];

  set(version: bigint, state: VersionState, error?: ServingError): void {
    this.states.set(version, { version, state, error });
  }

  status(name: string): readonly VersionStatus[] {
    if (name !== 'm') throw new ServingError('model_not_found', `no model "${name}"`);
    return [...this.states.values()].sort((a, b) => (a.version < b.version ? 1 : -1));
  }

  onDisk(): readonly bigint[] {
    return this.disk;
  }

  loadOf(): { state: VersionState; lastFailure: ServingError | undefined } {
    return { state: 'LOADING', lastFailure: this.lastFailure };
  }

  isUnloadedByOperator(_name: string, version: bigint): boolean {
    return this.unloaded.has(version);
  }

  async operate(name: string, version: bigint, action: string): Promise<void> {
    this.operated.push(`${action} ${name} ${version}`);
    if (action === 'unload') this.unloaded.add(version);
    else this.unloaded.delete(version);
  }
}

function make() {
  const clock = new FakeClock();
  const models = new PuppetManager();
  const sender = { requestId: undefined, peer: 'test', caller: 'test', callerTrace: undefined };
  const arrival = { method: 'RepositoryModelLoad', receivedAt: 0, timeoutMs: undefined, ...sender };
  const context = new RequestContext({
    ...{ clock, arrival: { surface: 'grpc', ...arrival }, deadline: Infinity, sequence: 1, trace: undefined },
  });
  return { clock, models, context, handler: new RepositoryHandler(new ConfiguredModels(models, clock)) };
}

/** Lets the waiting load look again. */
async function look(clock: FakeClock): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(20);
  await new Promise((resolve) => setImmediate(resolve));
}

describe('RepositoryHandler', () => {
  it('unloads other models only where the caller may, and each is in the audit log', async () => {
    const lines: string[] = [];
    const models = {
      load: () => Promise.resolve(['part']),
      unload: (_: string, { mayUnload }: UnloadOptions = {}) =>
        Promise.resolve(['mine', 'theirs'].filter((name) => mayUnload!(name))),
    };
    const { context } = make();
    const audit: Partial<AuditLog> = { request: (_record, _outcome, _error, model) => lines.push(model!) };
    const principal = { may: (_m: string, _s: string, model: string) => model !== 'theirs' } as unknown as Principal;
    Object.assign(context, { principal });
    const handler = new RepositoryHandler(models, audit as AuditLog);
    await handler.unload('all', { unloadDependents: true }, context);
    await handler.load('all', context);
    assert.deepEqual(lines, ['all', 'mine', 'all', 'part']);
  });
});

describe('RepositoryHandler above ConfiguredModels', () => {
  it('unloads every version that runs', async () => {
    const { models, context, handler } = make();
    models.set(1n, 'END');
    models.set(2n, 'LOADING');
    models.set(3n, 'AVAILABLE');
    models.set(4n, 'UNLOADING');
    await handler.unload('m', {}, context);
    assert.deepEqual(models.operated, ['unload m 3', 'unload m 2']);
    assert.equal(context.model, 'm');
  });

  it('loads what was unloaded, and resolves when it is available', async () => {
    const { clock, models, context, handler } = make();
    models.set(2n, 'END');
    models.unloaded.add(2n);
    let isDone = false;
    const load = handler.load('m', context).then(() => {
      isDone = true;
    });
    await look(clock);
    models.set(2n, 'LOADING');
    await look(clock);
    assert.deepEqual([models.operated, isDone], [['load m 2'], false]);
    models.set(2n, 'AVAILABLE');
    await look(clock);
    await load;
  });

  it('is at once done where the model is served', async () => {
    const { models, context, handler } = make();
    models.set(2n, 'AVAILABLE');
    await handler.load('m', context);
    assert.deepEqual(models.operated, []);
  });

  it('loads the highest version on disk where none was unloaded', async () => {
    const { clock, models, context, handler } = make();
    models.disk = [3n, 11n, 2n];
    const load = handler.load('m', context);
    await look(clock);
    assert.deepEqual(models.operated, ['load m 11']);
    models.set(11n, 'AVAILABLE');
    await look(clock);
    await load;
  });

  it('fails with the load, whether it is tried again or not', async () => {
    const error = new ServingError('load_failed', 'model.onnx is no ONNX file');
    for (const isRetried of [false, true]) {
      const { clock, models, context, handler } = make();
      models.disk = [1n];
      const load = assert.rejects(handler.load('m', context), (thrown) => {
        assert.ok(thrown instanceof ServingError && thrown.kind === 'load_failed');
        assert.equal(thrown.message, `model "m" version 1 could not be loaded: ${error.message}`);
        return true;
      });
      await look(clock);
      if (isRetried) models.lastFailure = error;
      else models.set(1n, 'END', error);
      await look(clock);
      await load;
    }
  });

  it('ends with the request, and when the model is unloaded meanwhile', async () => {
    const cancelled = make();
    cancelled.models.disk = [1n];
    const left = assert.rejects(cancelled.handler.load('m', cancelled.context), /left/);
    await look(cancelled.clock);
    cancelled.context.cancel.cancel(new ServingError('cancelled', 'the client left'));
    await look(cancelled.clock);
    await left;

    const { clock, models, context, handler } = make();
    models.disk = [1n];
    const load = assert.rejects(handler.load('m', context), /version 1 was unloaded meanwhile; load it again/);
    await look(clock);
    models.unloaded.add(1n);
    await look(clock);
    await load;
  });

  it('knows no model that is not configured', async () => {
    const { context, handler } = make();
    await assert.rejects(handler.load('other', context), /no model "other"/);
    await assert.rejects(handler.unload('other', {}, context), /no model "other"/);
    await handler.unload('late', {}, context);
  });
});
