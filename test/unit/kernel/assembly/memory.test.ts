import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readFreeMemory } from '../../../../src/config/machine/free-memory.ts';
import { MemoryWatch } from '../../../../src/kernel/assembly/memory.ts';
import type { Logger } from '../../../../src/ledger/log/log.ts';
import { Metrics } from '../../../../src/ledger/metrics/metrics.ts';
import { KeptMemory } from '../../../../src/models/memory/kept-memory.ts';
import type { MemoryHolder } from '../../../../src/proxy/memory-budget.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { textOf } from '../../../support/metrics-text.ts';

const MIB = 2 ** 20;

type Files = Record<string, string>;

/** A container of 512 MiB, of which 112 MiB are used, 12 of them pages of files. */
const VERSIONS: Readonly<Record<string, { readonly files: Files; readonly limit: string; readonly used: string }>> = {
  'cgroup v1': {
    files: {
      '/proc/self/cgroup': '4:memory:/pod7/main\n0::/\n',
      '/sys/fs/cgroup/memory/pod7/main/memory.limit_in_bytes': '9223372036854771712',
      '/sys/fs/cgroup/memory/pod7/memory.limit_in_bytes': String(512 * MIB),
      '/sys/fs/cgroup/memory/pod7/memory.usage_in_bytes': String(112 * MIB),
      '/sys/fs/cgroup/memory/pod7/memory.stat': `total_inactive_file ${12 * MIB}\n`,
    },
    limit: '/sys/fs/cgroup/memory/pod7/memory.limit_in_bytes',
    used: '/sys/fs/cgroup/memory/pod7/memory.usage_in_bytes',
  },
  'cgroup v2': {
    files: {
      '/proc/self/cgroup': '0::/pod7/main\n',
      '/sys/fs/cgroup/pod7/main/memory.max': 'max',
      '/sys/fs/cgroup/pod7/memory.max': String(512 * MIB),
      '/sys/fs/cgroup/pod7/memory.current': String(112 * MIB),
      '/sys/fs/cgroup/pod7/memory.stat': `inactive_file ${12 * MIB}\n`,
    },
    limit: '/sys/fs/cgroup/pod7/memory.max',
    used: '/sys/fs/cgroup/pod7/memory.current',
  },
};

const holder = (): MemoryHolder => ({ heldBytes: 0, shed: () => undefined });

function watch(files: Files, max_request_memory_mib = 0) {
  const clock = new FakeClock();
  const lines: Record<string, unknown>[] = [];
  const log = (fields: Record<string, unknown>): unknown => lines.push(fields);
  const metrics = new Metrics({ clock });
  let collections = 0;
  const memoryWatch = new MemoryWatch({
    clock,
    logger: { info: log, warn: log } as unknown as Logger,
    metrics,
    options: { max_message_bytes: 64 * MIB, max_request_memory_mib },
    inputs: { requestBytes: 0 },
    kept: new KeptMemory(),
    readFree: () => readFreeMemory((path) => files[path]),
    collect: () => {
      collections += 1;
    },
  });
  memoryWatch.start();
  return { clock, lines, metrics, memoryWatch, budget: memoryWatch.budget, collections: () => collections };
}

for (const [version, { files, limit, used }] of Object.entries(VERSIONS)) {
  describe(`the memory of requests under ${version}`, () => {
    it('is half of what is free, follows the limit and what is in use, and refuses large bodies as it fills', async () => {
      const present = { ...files };
      const { budget, clock, lines, metrics } = watch(present);
      assert.equal(budget.budgetBytes, 206 * MIB);
      present[limit] = String(1024 * MIB);
      clock.advance(1000);
      assert.equal(budget.budgetBytes, 462 * MIB);
      present[limit] = String(512 * MIB);
      present[used] = String(472 * MIB);
      clock.advance(10_000);
      assert.equal(budget.budgetBytes, 32 * MIB);
      assert.equal(budget.hold(holder(), MIB, 40 * MIB)?.kind, 'overloaded');
      assert.deepEqual(
        lines.map(({ action, is_on }) => [action, is_on]),
        [['refuse_large', true]],
      );
      const page = await textOf(metrics);
      assert.match(page, /^pillion_overload_refused_total\{reason="body_size"\} 1$/m);
      assert.match(page, /^pillion_request_memory_budget_bytes 33554432$/m);
      assert.match(page, /^pillion_memory_pressure 0\.8984375$/m);
    });
  });
}

describe('the watch over the memory of requests', () => {
  it('leaves a budget that is set as it is', () => {
    const { budget, clock } = watch({ ...VERSIONS['cgroup v2']!.files }, 100);
    clock.advance(10_000);
    assert.equal(budget.budgetBytes, 100 * MIB);
  });

  it('on an unknown machine there is no budget', () => {
    const { budget } = watch({});
    assert.deepEqual([budget.budgetBytes, budget.pressure, budget.isFull], [Infinity, 0, false]);
  });

  it('collects garbage and empties pools once after a peak, when little is held again, and not too often', (t) => {
    const { budget, clock, collections } = watch({});
    let trimmed = 0;
    t.mock.method(budget.messages, 'trim', () => {
      trimmed += 1;
    });
    const small = holder();
    budget.hold(small, 10 * MIB);
    budget.release(small);
    clock.advance(60_000);
    assert.equal(collections(), 0);
    const large = holder();
    budget.hold(large, 60 * MIB);
    clock.advance(60_000);
    assert.equal(collections(), 0);
    budget.release(large);
    clock.advance(1000);
    assert.deepEqual([collections(), trimmed], [1, 1]);
    for (let second = 0; second < 30; second++) {
      budget.hold(large, 60 * MIB);
      budget.release(large);
      clock.advance(1000);
    }
    assert.equal(collections(), 3);
  });

  it('ends', () => {
    const { clock, memoryWatch } = watch({});
    clock.advance(3000);
    memoryWatch.stop();
    assert.equal(clock.armed, 0);
  });
});
