import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CoreBudget } from '../../../../src/core/core-budget.ts';
import { CoreWatch, slotsOf } from '../../../../src/kernel/assembly/cores.ts';
import type { Logger } from '../../../../src/ledger/log/log.ts';
import { CoreSlots } from '../../../../src/scheduler/cores/core-slots.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

function watch(budgetCores: number, num_batch_threads = 0) {
  const clock = new FakeClock();
  const options = { num_batch_threads, intra_op_threads: 0 };
  const slots = new CoreSlots(slotsOf(options, budgetCores), clock);
  const budget = new CoreBudget(budgetCores);
  const lines: object[] = [];
  const logger = { info: (fields: object) => lines.push(fields) } as unknown as Logger;
  const machine = { cores: budgetCores };
  const readBudget = (): number => machine.cores;
  const coreWatch = new CoreWatch({ clock, logger, options, slots, budget, readBudget });
  coreWatch.start();
  return { clock, slots, budget, lines, machine, coreWatch };
}

describe('CoreWatch', () => {
  it('follows the cores up and down, tells others of them, and says so once', () => {
    const { clock, slots, budget, lines, machine } = watch(2);
    assert.equal(slots.total, 2);
    clock.advance(30_000);
    assert.deepEqual(lines, []);
    for (const [cores, total] of [
      [4, 4],
      [1, 1],
    ] as const) {
      machine.cores = cores;
      clock.advance(3000);
      assert.deepEqual([slots.total, budget.cores], [total, cores]);
      clock.advance(30_000);
    }
    assert.deepEqual(lines, [
      { event: 'cores', budget_cores: 4, before: 2, slots: 4 },
      { event: 'cores', budget_cores: 1, before: 4, slots: 1 },
    ]);
  });

  it('leaves alone what somebody has set', () => {
    const { clock, slots, machine } = watch(2, 5);
    machine.cores = 8;
    clock.advance(3000);
    assert.equal(slots.total, 5);
  });

  it('ends', () => {
    const { clock, coreWatch } = watch(2);
    clock.advance(9000);
    coreWatch.stop();
    assert.equal(clock.armed, 0);
  });
});
