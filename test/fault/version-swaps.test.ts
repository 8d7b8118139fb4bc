import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { it, type TestContext } from 'node:test';
import { ProcessGroups } from '../../src/backends/host/process/process-group.ts';
import { systemClock } from '../../src/core/clock.ts';
import { CoreBudget } from '../../src/core/core-budget.ts';
import { createLogger } from '../../src/ledger/log/log.ts';
import { NO_EVENTS } from '../../src/models/lifecycle/model-events.ts';
import { ModelManager } from '../../src/models/lifecycle/model-manager.ts';
import { LatencyStore } from '../../src/models/loading/latency-store.ts';
import { servableLoader } from '../../src/models/loading/load-servable.ts';
import type { Servable } from '../../src/models/serving/servable.ts';
import { FEATURES } from '../../src/pillion.ts';
import { CoreSlots } from '../../src/scheduler/cores/core-slots.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { modelConfig } from '../support/model-lifecycle-harness.ts';
import { onnxModel } from '../support/onnx-model.ts';
import { RecordingTelemetry } from '../support/recording-telemetry.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const SWAPS = 40;
const POLL_MS = 1000;

/** A real loader of real models, a real disk, and a poll that comes when it is told to. */
function swapping(t: TestContext, host: 'inline' | 'thread') {
  const basePath = tempDirectory(t);
  const x = { name: 'x', dtype: 'float32', dims: ['rows'] } as const;
  const nodes = [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }];
  const file = onnxModel({ inputs: [x], outputs: [{ ...x, name: 'y' }], nodes });
  const publish = (version: number): void => {
    mkdirSync(join(basePath, '.incoming'));
    writeFileSync(join(basePath, '.incoming', 'model.onnx'), file);
    renameSync(join(basePath, '.incoming'), join(basePath, String(version)));
    rmSync(join(basePath, String(version - 1)), { recursive: true, force: true });
  };
  const clock = new FakeClock();
  // Everything on disk has been at rest for long.
  clock.wallOffsetMs = systemClock.wallMs() + 3_600_000;
  const open = new Set<Servable>();
  const logger = createLogger({ level: 'silent', clock: systemClock });
  const load = servableLoader({
    clock: systemClock,
    backends: FEATURES.backends,
    telemetry: new RecordingTelemetry(),
    scheduler: { maxBatchSize: 4, batchTimeoutMicros: 0, maxEnqueuedBatches: 10, allowedBatchSizes: [] },
    ...{
      slots: 1,
      intraOpThreads: 1,
      budget: new CoreBudget(2),
      isBatchingEnabled: true,
      host,
      maxTensorBytes: 2 ** 20,
    },
    coreSlots: new CoreSlots(1, systemClock),
    processGroups: new ProcessGroups(),
    latencies: new LatencyStore({
      files: undefined,
      clock: systemClock,
      logger,
      cpuModel: '',
      threads: 1,
    }),
    events: { onHost: () => undefined, onMove: () => undefined, onWorkerEvent: () => undefined },
  });
  const steps = new Set<() => void>();
  const onTransition = (): void => {
    for (const check of steps) check();
  };
  const manager = new ModelManager({
    models: [modelConfig('m', { basePath })],
    load: async (...args) => {
      const servable = await load(...args);
      open.add(servable);
      const close = servable.runner.close.bind(servable.runner);
      servable.runner.close = () => close().finally(() => open.delete(servable));
      return servable;
    },
    clock,
    pollIntervalMs: POLL_MS,
    events: { ...NO_EVENTS, onTransition },
  });
  /** Resolves when `version` is in `state`. */
  const reached = (version: number, state: string): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        const status = manager.status('m', {}).find((s) => s.version === BigInt(version));
        if (status?.state !== state) return;
        steps.delete(check);
        resolve();
      };
      steps.add(check);
    });
  return { manager, clock, open, publish, reached };
}

/** The process's resources by kind, but for files that are being closed just then. */
function heldResources(): readonly string[] {
  const kinds = process.getActiveResourcesInfo().filter((kind) => kind !== 'CloseReq');
  return kinds.sort();
}

for (const host of ['inline', 'thread'] as const) {
  it(`${SWAPS} swaps on ${host} close every version but the last, each only when its requests are through`, async (t) => {
    const { manager, clock, open, publish, reached } = swapping(t, host);
    publish(1);
    await manager.start();
    const resources = heldResources();
    for (let version = 2; version <= SWAPS + 1; version++) {
      const held = manager.acquire('m', {});
      assert.equal(held.servable.version, BigInt(version - 1));
      const isGoing = reached(version - 1, 'UNLOADING');
      const isGone = reached(version - 1, 'END');
      publish(version);
      clock.advance(POLL_MS);
      await isGoing;
      assert.equal(open.size, 2);
      assert.ok(open.has(held.servable), 'closed under a request');
      held.release();
      await isGone;
      assert.deepEqual(
        [...open].map((servable) => servable.version),
        [BigInt(version)],
      );
    }
    assert.deepEqual(heldResources(), resources);
    await manager.close();
    assert.equal(open.size, 0);
    assert.equal(clock.armed, 0);
  });
}
