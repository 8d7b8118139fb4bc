/** Who may use shared memory, what is written down of it, and that a request gives its regions back. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { NO_PARAMETERS } from '../../../src/codec/open-inference/infer-request.ts';
import { DeadlineTimer } from '../../../src/core/deadline-timer.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { numericTensor } from '../../../src/core/tensor.ts';
import { RegionStore } from '../../../src/features/shared-memory/region-store.ts';
import { SharedMemory } from '../../../src/features/shared-memory/shared-memory.ts';
import { systemDisk } from '../../../src/files/disk.ts';
import type { AuditEntry, AuditLog } from '../../../src/ledger/log/audit-log.ts';
import { noTelemetry } from '../../../src/ledger/request-record.ts';
import { MemoryBudget } from '../../../src/proxy/memory-budget.ts';
import type { RequestContext } from '../../../src/proxy/request-context.ts';
import { RequestLifecycle } from '../../../src/proxy/request-lifecycle.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { principalOf } from '../../support/rule-principal.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const MIB = 2 ** 20;
const REGION = { name: 'r', key: '/file', offset: 0, byteSize: 4 * MIB };

function setup(t: TestContext, hasUnixSocket = false) {
  const root = tempDirectory(t);
  const path = join(root, 'file');
  writeFileSync(path, Buffer.alloc(REGION.byteSize, 1));
  const opened: FileHandle[] = [];
  const open: typeof systemDisk.open = async (...args) => {
    const handle = await systemDisk.open(...args);
    opened.push(handle);
    return handle;
  };
  const regions = new RegionStore({ root, disk: { ...systemDisk, open } });
  t.after(() => regions.close());
  const clock = new FakeClock();
  const memory = new MemoryBudget({ maxMessageBytes: 64 * MIB, budgetBytes: 64 * MIB });
  const maxTimeoutMs = { grpc: Infinity, rest: 1000 };
  const lifecycle = new RequestLifecycle({
    ...{ clock, memory, maxTimeoutMs, telemetry: noTelemetry },
    deadlines: new DeadlineTimer(clock),
  });
  const entries: AuditEntry[] = [];
  const audit = { write: (entry: AuditEntry) => entries.push(entry) } as unknown as AuditLog;
  const shared = new SharedMemory({ regions, lifecycle, maxTensorBytes: 8 * MIB, hasUnixSocket, audit });
  const begin = (peer = '127.0.0.1:5000'): RequestContext =>
    lifecycle.begin({
      ...{ surface: 'grpc', method: 'ModelInfer', receivedAt: clock.nowMs(), timeoutMs: undefined },
      ...{ requestId: 'id', peer, caller: 'who', callerTrace: undefined },
    });
  return { path, opened, regions, lifecycle, memory, entries, shared, begin };
}

const place = (byteSize: number) =>
  new Map<string, string | number>([
    ['shared_memory_region', 'r'],
    ['shared_memory_byte_size', byteSize],
  ]);

function request(inputBytes: number, outputBytes: number) {
  const inputs = inputBytes === 0 ? [] : [input('x', inputBytes)];
  return {
    ...{ modelName: 'm', modelVersion: '', id: '', parameters: NO_PARAMETERS, inputs: new Map(), sharedInputs: inputs },
    outputs: outputBytes === 0 ? [] : [{ name: 'y', parameters: place(outputBytes) }],
  };
}

function input(name: string, bytes: number) {
  return { name, dtype: 'uint8' as const, shape: [bytes], parameters: place(bytes) };
}

function kindOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ServingError, String(error));
    return error.kind;
  }
  return 'fine';
}

test('where a proxy tells addresses it is for callers on a Unix socket alone', async (t) => {
  const { regions, lifecycle, begin } = setup(t);
  const parts = { regions, lifecycle, maxTensorBytes: 8 * MIB, hasProxyAddresses: true };
  const shared = new SharedMemory({ ...parts, hasUnixSocket: true });
  const kinds = ['127.0.0.1', '[::1]:80', 'unix'].map((peer) => kindOf(() => shared.status('', begin(peer))));
  assert.deepEqual(kinds, ['permission_denied', 'permission_denied', 'fine']);
});

test('it is for callers of this machine', async (t) => {
  const { shared, begin } = setup(t);
  for (const [peer, kind] of [
    ['127.0.0.1', 'fine'],
    ['127.0.0.1:80', 'fine'],
    ['127.3.2.1:80', 'fine'],
    ['::ffff:127.0.0.1', 'fine'],
    ['[::ffff:127.0.0.1]:80', 'fine'],
    ['::1', 'fine'],
    ['[::1]:80', 'fine'],
    ['10.0.0.1', 'permission_denied'],
    ['10.0.0.1:127', 'permission_denied'],
    ['::ffff:10.0.0.1', 'permission_denied'],
    ['[fe80::1]:80', 'permission_denied'],
    ['::1:2', 'permission_denied'],
    ['', 'permission_denied'],
    // A peer whose address is not known any more looks the same: there is no Unix socket here.
    ['unix', 'permission_denied'],
  ] as const) {
    assert.equal(
      kindOf(() => shared.status('', begin(peer))),
      kind,
      peer,
    );
    assert.equal(
      kindOf(() => shared.tensorsOf(request(1, 0), begin(peer))),
      kind === 'fine' ? 'region_not_found' : kind,
    );
  }
  assert.equal(
    kindOf(() => setup(t, true).shared.status('', begin('unix'))),
    'fine',
  );
});

test('with an authorization file it is for those whom a rule for all models allows it', (t) => {
  const { shared, begin } = setup(t);
  for (const [models, methods, kind] of [
    [['*'], ['shared_memory'], 'region_not_found'],
    [['*'], ['predict'], 'permission_denied'],
    [['m'], ['shared_memory'], 'permission_denied'],
  ] as const) {
    const context = begin();
    context.admit(principalOf('p', { models, methods }));
    assert.equal(
      kindOf(() => shared.tensorsOf(request(1, 0), context)),
      kind,
    );
  }
});

test('changes are in the audit log, with the region', async (t) => {
  const { shared, begin, entries } = setup(t);
  await shared.register(REGION, begin());
  await assert.rejects(shared.register(REGION, begin()));
  await assert.rejects(shared.register({ ...REGION, name: 'far' }, begin('10.0.0.1')));
  await shared.unregister('r', begin());
  await shared.unregister('', begin());
  assert.deepEqual(
    entries.map(({ outcome, region, by, reason }) => [outcome, region, by, reason]),
    [
      ['done', 'r', 'who', undefined],
      ['failed', 'r', 'who', 'region_exists'],
      ['done', 'r', 'who', undefined],
      ['done', '*', 'who', undefined],
    ],
  );
});

test('a request holds its regions and its memory until it ends', async (t) => {
  const { shared, begin, regions, opened, lifecycle, memory } = setup(t);
  await shared.register(REGION, begin());
  const context = begin();
  shared.tensorsOf(request(MIB, MIB), context);
  regions.unregister('r');
  assert.equal(memory.bodyBytes, MIB);
  assert.notEqual(opened[0]!.fd, -1);
  lifecycle.finish(context);
  assert.equal(memory.bodyBytes, 0);
  assert.equal(opened[0]!.fd, -1);
});

test('a request that is refused halfway holds nothing', async (t) => {
  const { shared, begin, regions, opened, memory } = setup(t);
  await shared.register(REGION, begin());
  const bad = { ...request(MIB, 0), outputs: [{ name: 'y', parameters: place(REGION.byteSize + 1) }] };
  assert.equal(
    kindOf(() => shared.tensorsOf(bad, begin())),
    'invalid_request',
  );
  const large = { ...request(0, 0), sharedInputs: ['a', 'b', 'c'].map((name) => input(name, REGION.byteSize)) };
  assert.equal(
    kindOf(() => shared.tensorsOf(large, begin())),
    'too_large',
  );
  regions.unregister('r');
  assert.equal(opened[0]!.fd, -1);
  assert.equal(memory.bodyBytes, 0);
});

test('an input that stands twice is refused', async (t) => {
  const { shared, begin } = setup(t);
  await shared.register(REGION, begin());
  const twice = shared.tensorsOf({ ...request(0, 0), sharedInputs: [input('x', 1), input('x', 1)] }, begin())!;
  assert.equal(
    kindOf(() => twice.read(new Map())),
    'invalid_request',
  );
});

test('a request that has ended writes no more, and its file is closed', async (t) => {
  const { shared, begin, lifecycle, path, regions, opened } = setup(t);
  await shared.register(REGION, begin());
  const context = begin();
  const tensors = shared.tensorsOf(request(0, REGION.byteSize), context)!;
  const output = numericTensor('uint8', [REGION.byteSize], new Uint8Array(REGION.byteSize).fill(2));
  const written = tensors.write(new Map([['y', output]]));
  // The first slice is written; the request ends before the next turn.
  regions.unregister('r');
  lifecycle.finish(context, new ServingError('cancelled', 'left'));
  assert.notEqual(opened[0]!.fd, -1);
  await assert.rejects(async () => written, /has ended/);
  assert.equal(opened[0]!.fd, -1);
  const found = readFileSync(path);
  assert.deepEqual([found[0], found[MIB - 1], found[MIB], found.at(-1)], [2, 2, 1, 1]);
  await assert.rejects(async () => tensors.write(new Map([['y', output]])), /has ended/);
});
