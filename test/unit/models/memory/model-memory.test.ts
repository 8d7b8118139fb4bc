import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type FreeMemory, readFreeMemory } from '../../../../src/config/machine/free-memory.ts';
import { LATEST_ONE, type ModelConfig } from '../../../../src/config/model-config.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { memoryCheckedLoad } from '../../../../src/models/memory/memory-checked-load.ts';
import {
  artifactBytes,
  type ModelMemory,
  memoryReadings,
  workingBytes,
} from '../../../../src/models/memory/model-memory.ts';
import type { ProcessNeed } from '../../../../src/models/memory/process-memory.ts';
import { Servable } from '../../../../src/models/serving/servable.ts';
import { echo, PuppetRunner } from '../../../support/puppet-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const MIB = 2 ** 20;
const MODEL: ModelConfig = {
  name: 'm',
  basePath: '/unused',
  versionPolicy: LATEST_ONE,
  versionLabels: new Map(),
  backend: undefined,
  executionProvider: 'cpu',
  host: undefined,
};

function freeOf(freeMib: number): FreeMemory {
  return { freeBytes: freeMib * MIB, limitBytes: 512 * MIB, isCgroup: true };
}

/** A version directory of `mib` in two files, one of them deeper. */
async function versionOf(t: TestContext, mib: number): Promise<string> {
  const directory = tempDirectory(t);
  await mkdir(join(directory, 'variables'));
  await writeFile(join(directory, 'model.onnx'), Buffer.alloc((mib * MIB) / 2));
  await writeFile(join(directory, 'variables', 'data'), Buffer.alloc((mib * MIB) / 2));
  return directory;
}

const isRefused = (text: RegExp) => (error: unknown) =>
  error instanceof ServingError && error.kind === 'insufficient_memory' && text.test(error.message);

/** A loader whose loads end when told, on a machine whose numbers the test sets. */
function puppetLoad(sessions: number, process?: ProcessNeed) {
  const machine = { free: freeOf(512), resident: 100 * MIB };
  const loaded: ModelMemory[] = [];
  const loading: (() => void)[] = [];
  const { load } = memoryCheckedLoad(
    async (model, version) => {
      await new Promise<void>((resolve) => loading.push(resolve));
      return new Servable(model.name, version, new Map(), new PuppetRunner(echo));
    },
    {
      planOf: async (model) => ({ sessions: model.batching?.numBatchThreads ?? sessions, process }),
      readFree: () => machine.free,
      readResident: () => machine.resident,
      onLoaded: (servable) => loaded.push(servable.findings.memory!),
    },
  );
  return { machine, loaded, loading, load };
}

/** Until `count` loads are in the loader. */
async function reach(loading: readonly unknown[], count: number): Promise<void> {
  while (loading.length < count) await new Promise((resolve) => setImmediate(resolve));
}

describe('memory of a model', () => {
  it('counts the files of a version, at any depth; a directory that is not there is empty', async (t) => {
    assert.equal(await artifactBytes(await versionOf(t, 2)), 2 * MIB);
    assert.equal(await artifactBytes('/no/such/directory'), 0);
  });

  it('refuses a version that does not fit, with the numbers and a way out', async (t) => {
    const { machine, load } = puppetLoad(2);
    machine.free = freeOf(5);
    await assert.rejects(
      load(MODEL, 7n, await versionOf(t, 2)),
      isRefused(
        /^model "m" version 7 does not fit: loading its 2 MiB × 2 sessions takes up to 6 MiB, but 5 MiB are free of the limit of 512 MiB; raise/,
      ),
    );
  });

  it("counts the model's own sessions, not the server's", async (t) => {
    const { machine, load } = puppetLoad(1);
    machine.free = freeOf(5);
    const directory = await versionOf(t, 2);
    const threaded: ModelConfig = { ...MODEL, batching: { numBatchThreads: 3 } };
    await assert.rejects(load(threaded, 7n, directory), isRefused(/2 MiB × 3 sessions takes up to 8 MiB, but 5 MiB/));
  });

  it('loads what just fits, and says what was taken', async (t) => {
    const { machine, load, loaded, loading } = puppetLoad(1);
    machine.free = freeOf(4);
    const servable = load(MODEL, 7n, await versionOf(t, 2));
    await reach(loading, 1);
    machine.resident += 3 * MIB;
    loading[0]!();
    const { memory } = (await servable).findings;
    assert.deepEqual(memory, { artifactBytes: 2 * MIB, sessions: 1, processBytes: 0, residentBytes: 3 * MIB });
    assert.deepEqual(loaded, [memory]);
    assert.equal(workingBytes(memory!), 1 * MIB);
  });

  it('counts the copies of all sessions, whatever their threads, and those of now for the weights', async (t) => {
    const { load, loading } = puppetLoad(1);
    const loads = load(MODEL, 7n, await versionOf(t, 2));
    await reach(loading, 1);
    loading[0]!();
    const servable = await loads;
    assert.equal(servable.sessions, 1, 'inline');
    const plans = [{ threads: 1, sessions: 1 }];
    servable.findings.host = { kind: 'thread', reason: 'default', sessions: plans };
    assert.equal(servable.sessions, 1);
    plans[0] = { threads: 1, sessions: 2 };
    plans.push({ threads: 2, sessions: 1 });
    assert.equal(servable.sessions, 3);
    const [weights, working] = memoryReadings(servable);
    assert.deepEqual([weights!.bytes, working!.bytes], [6 * MIB, 0]);
  });

  it('counts what loads under way were promised, and gives it back when they end', async (t) => {
    const { machine, load, loading } = puppetLoad(1);
    machine.free = freeOf(6);
    const directory = await versionOf(t, 2);
    const first = load(MODEL, 1n, directory);
    await reach(loading, 1);
    await assert.rejects(load(MODEL, 2n, directory), isRefused(/up to 4 MiB, but 2 MiB are free/));
    loading[0]!();
    await first;
    const again = load(MODEL, 2n, directory);
    await reach(loading, 2);
    loading[1]!();
    assert.equal((await again).version, 2n);
  });

  it('claims no measurement of loads that overlap', async (t) => {
    const { load, loading } = puppetLoad(1);
    const directory = await versionOf(t, 2);
    const both = [load(MODEL, 1n, directory), load(MODEL, 2n, directory)];
    await reach(loading, 2);
    for (const end of loading) end();
    for (const { findings } of await Promise.all(both)) assert.equal(findings.memory?.residentBytes, undefined);
  });

  it('counts the process that a load starts, once for each session', async (t) => {
    const { machine, load, loading } = puppetLoad(2, { bytes: 100 * MIB, group: undefined });
    const directory = await versionOf(t, 2);
    machine.free = freeOf(205);
    const text =
      /2 MiB × 2 sessions takes up to 206 MiB, 200 MiB for its process included, but 205 MiB are free .* \(process_group\)$/;
    await assert.rejects(load(MODEL, 7n, directory), isRefused(text));
    machine.free = freeOf(206);
    const loads = load(MODEL, 7n, directory);
    await reach(loading, 1);
    loading[0]!();
    assert.equal((await loads).findings.memory!.processBytes, 100 * MIB);
  });

  it('counts the process of a group once: not where it is there, nor where another load starts it', async (t) => {
    const group = { takesMore: false };
    const { machine, load, loading } = puppetLoad(1, { bytes: 100 * MIB, group });
    const directory = await versionOf(t, 2);
    machine.free = freeOf(103);
    await assert.rejects(load(MODEL, 1n, directory), isRefused(/takes up to 104 MiB/));
    machine.free = freeOf(108);
    const both = [load(MODEL, 2n, directory), load(MODEL, 3n, directory)];
    await reach(loading, 2);
    for (const end of loading.splice(0)) end();
    for (const { findings } of await Promise.all(both)) assert.equal(findings.memory!.residentBytes, undefined);
    machine.free = freeOf(4);
    await assert.rejects(load(MODEL, 4n, directory), isRefused(/takes up to 104 MiB/));
    group.takesMore = true;
    const joining = load(MODEL, 5n, directory);
    await reach(loading, 1);
    loading[0]!();
    assert.equal((await joining).version, 5n);
  });

  it('asks nothing where the machine tells nothing', async (t) => {
    const { load } = memoryCheckedLoad(
      async (model, version) => new Servable(model.name, version, new Map(), new PuppetRunner(echo)),
      {
        planOf: async () => ({ sessions: 1, process: undefined }),
        readFree: () => undefined,
        readResident: () => 0,
        onLoaded: () => undefined,
      },
    );
    assert.equal((await load(MODEL, 1n, await versionOf(t, 2))).findings.memory?.artifactBytes, 2 * MIB);
  });
});

describe('free memory', () => {
  const files = {
    '/proc/self/cgroup': '0::/pod/main\n',
    '/proc/meminfo': 'MemTotal:       1024 kB\nMemFree:  100 kB\nMemAvailable:    900 kB\n',
  };
  const read = (more: Record<string, string>) => readFreeMemory((path) => ({ ...files, ...more })[path]);

  it('is what the host has left where no group is limited', () => {
    assert.deepEqual(read({}), { freeBytes: 900 * 1024, limitBytes: 1024 * 1024, isCgroup: false });
  });

  it('is what the tightest group has left; file pages that can go count as free', () => {
    const pod = '/sys/fs/cgroup/pod';
    const limited = {
      [`${pod}/main/memory.max`]: 'max',
      [`${pod}/memory.max`]: '500000',
      [`${pod}/memory.current`]: '450000',
      [`${pod}/memory.stat`]: 'anon 1\ninactive_file 30000\nactive_file 9\n',
    };
    assert.deepEqual(read(limited), { freeBytes: 80_000, limitBytes: 500_000, isCgroup: true });
  });

  it('reads groups of version 1 too', () => {
    const group = '/sys/fs/cgroup/memory/x';
    const limited = {
      '/proc/self/cgroup': '4:memory:/x\n',
      [`${group}/memory.limit_in_bytes`]: '500000',
      [`${group}/memory.usage_in_bytes`]: '600000',
      [`${group}/memory.stat`]: 'total_inactive_file 200000\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
    };
    assert.deepEqual(read(limited), { freeBytes: 100_000, limitBytes: 500_000, isCgroup: true });
  });

  it('is unknown where nothing can be read', () => {
    assert.equal(
      readFreeMemory(() => undefined),
      undefined,
    );
  });
});
