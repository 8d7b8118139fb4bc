import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ServingError } from '../../../src/core/errors.ts';
import { KeptMemory } from '../../../src/models/memory/kept-memory.ts';
import {
  MemoryBudget,
  type MemoryBudgetOptions,
  type MemoryHolder,
  type OverloadAction,
} from '../../../src/proxy/memory-budget.ts';

const MIB = 2 ** 20;

class Holder implements MemoryHolder {
  heldBytes = 0;
  shedBy: ServingError | undefined;
  shed(error: ServingError): void {
    this.shedBy = error;
  }
}

function budgetOf(options: Partial<MemoryBudgetOptions> = {}): MemoryBudget {
  return new MemoryBudget({ maxMessageBytes: 64 * MIB, budgetBytes: 100 * MIB, ...options });
}

/** Charges a new holder for a body that is whole. */
function held(budget: MemoryBudget, bytes: number): Holder {
  const holder = new Holder();
  assert.equal(budget.hold(holder, bytes), undefined);
  budget.arrived(holder);
  return holder;
}

describe('the memory budget', () => {
  it('counts what is held, grown, given back, and released twice', () => {
    const inputs = { requestBytes: 0 };
    const budget = budgetOf({ inputs });
    const holder = new Holder();
    budget.hold(holder, 3 * MIB);
    budget.hold(holder, 5 * MIB);
    budget.hold(holder, 4 * MIB);
    inputs.requestBytes = 2 * MIB;
    budget.unsent.bytes = MIB;
    assert.equal(budget.heldBytes, 7 * MIB);
    assert.equal(budget.pressure, 0.07);
    budget.release(holder);
    budget.release(holder);
    assert.deepEqual([budget.bodyBytes, holder.heldBytes], [0, 0]);
  });

  it('counts what is kept between requests, which gets half of it and makes room for requests', () => {
    const kept = new KeptMemory();
    const budget = budgetOf({ kept });
    assert.equal(kept.limitBytes, 50 * MIB);
    const cache = {
      bytes: 0,
      giveUp: (bytes: number): void => {
        const given = Math.min(cache.bytes, bytes);
        cache.bytes -= given;
        kept.add(-given);
      },
    };
    kept.register(cache);
    cache.bytes = 40 * MIB;
    kept.add(50 * MIB);
    assert.deepEqual([budget.heldBytes, budget.requestBytes, budget.pressure], [50 * MIB, 0, 0.5]);
    // Room for a body is made of answers, not of the states, 10 MiB.
    held(budget, 40 * MIB);
    assert.deepEqual([kept.bytes, cache.bytes], [40 * MIB, 30 * MIB]);
    budget.unsent.bytes = 50 * MIB;
    assert.ok(budget.isFull);
    assert.match(budget.makeRoom()!.message, /requests hold 90.0 and sequences 10.0 of 100.0 MiB/);
    assert.deepEqual([kept.bytes, cache.bytes], [10 * MIB, 0]);
  });

  it('what is kept makes the budget no smaller, and follows it', () => {
    const kept = new KeptMemory();
    const budget = new MemoryBudget({ maxMessageBytes: MIB, kept });
    assert.equal(kept.limitBytes, Infinity);
    budget.observe({ limitBytes: 512 * MIB, freeBytes: 400 * MIB });
    assert.deepEqual([budget.budgetBytes, kept.limitBytes], [200 * MIB, 100 * MIB]);
    kept.add(90 * MIB);
    for (let i = 0; i < 20; i++) budget.observe({ limitBytes: 512 * MIB, freeBytes: 310 * MIB });
    assert.deepEqual([budget.budgetBytes, kept.limitBytes], [200 * MIB, 100 * MIB]);
  });

  it('refuses by size between the two thresholds, the largest first', () => {
    const inputs = { requestBytes: 0 };
    const budget = budgetOf({ inputs });
    // At 0.8 the largest body passes, at 0.875 half of it, at 0.95 only small ones.
    for (const [heldMib, largest] of [
      [79, 64],
      [87.5, 32],
      [92, 12.8],
      [95, 1 / 64],
    ] as const) {
      inputs.requestBytes = heldMib * MIB;
      const fits = new Holder();
      assert.equal(budget.hold(fits, 1, largest * MIB - 100), undefined, `${largest} MiB at ${heldMib}`);
      budget.release(fits);
      const refusal = heldMib === 79 ? undefined : budget.hold(new Holder(), 1, largest * MIB + 100);
      assert.equal(refusal?.kind, heldMib === 79 ? undefined : 'overloaded', `${largest} MiB at ${heldMib}`);
    }
    const refusal = budget.hold(new Holder(), MIB, 20 * MIB)!;
    assert.match(refusal.message, /takes no body of 20\.0 MiB now: requests hold 95\.0 of 100\.0 MiB; send fewer rows/);
    assert.equal(refusal.retryAfterMs, 1000);
  });

  it('a body that finds no room sheds a larger one that arrives, never a smaller one or one that is whole', () => {
    const reasons: string[] = [];
    const budget = budgetOf({ onRefused: (reason) => reasons.push(reason) });
    held(budget, 40 * MIB);
    const large = new Holder();
    const larger = new Holder();
    budget.hold(large, 20 * MIB);
    budget.hold(larger, 25 * MIB);
    budget.hold(large, 22 * MIB);
    const small = new Holder();
    assert.equal(budget.hold(small, 9 * MIB), undefined);
    assert.match(larger.shedBy!.message, /given up while it arrived: its 25\.0 MiB had to make room/);
    assert.deepEqual([larger.heldBytes, large.shedBy, budget.bodyBytes], [0, undefined, 71 * MIB]);
    // The largest that arrives is the one that grows: it is refused itself.
    assert.equal(budget.hold(large, 50 * MIB)?.kind, 'overloaded');
    assert.deepEqual([small.shedBy, reasons], [undefined, ['shed', 'body_size']]);
  });

  it('at 0.95 everything is refused, unless bodies that arrive can be shed', () => {
    const inputs = { requestBytes: 0 };
    const budget = budgetOf({ inputs });
    const arriving = new Holder();
    budget.hold(arriving, 10 * MIB);
    inputs.requestBytes = 90 * MIB;
    assert.equal(budget.isFull, true);
    assert.equal(budget.makeRoom(), undefined);
    assert.equal(arriving.shedBy?.kind, 'overloaded');
    assert.equal(budget.isFull, false);
    inputs.requestBytes = 96 * MIB;
    assert.match(budget.makeRoom()!.message, /out of memory for requests: requests hold 96\.0 of 100\.0 MiB/);
  });

  it('follows the limit, and what the models leave of it', () => {
    const budget = budgetOf({ budgetBytes: undefined });
    assert.equal(budget.budgetBytes, Infinity);
    budget.observe({ limitBytes: 512 * MIB, freeBytes: 400 * MIB });
    assert.equal(budget.budgetBytes, 200 * MIB);
    // The limit is raised; a model is loaded, which counts after some quiet seconds.
    budget.observe({ limitBytes: 1024 * MIB, freeBytes: 912 * MIB });
    assert.equal(budget.budgetBytes, 456 * MIB);
    for (let i = 0; i < 10; i++) budget.observe({ limitBytes: 1024 * MIB, freeBytes: 500 * MIB });
    assert.equal(budget.budgetBytes, 250 * MIB);
    // Garbage of requests is no model: seconds in which much is held do not count.
    const body = held(budget, 60 * MIB);
    for (let i = 0; i < 20; i++) budget.observe({ limitBytes: 1024 * MIB, freeBytes: 100 * MIB });
    assert.equal(budget.budgetBytes, 250 * MIB);
    budget.release(body);
    for (let i = 0; i < 10; i++) budget.observe({ limitBytes: 1024 * MIB, freeBytes: 4 * MIB });
    assert.equal(budget.budgetBytes, 64 * MIB);
    budget.observe(undefined);
    assert.equal(budget.budgetBytes, 64 * MIB);
  });

  it('memory of others refuses large bodies, and never small requests', () => {
    const budget = budgetOf({ budgetBytes: undefined });
    budget.observe({ limitBytes: 512 * MIB, freeBytes: 51 * MIB });
    assert.equal(budget.hold(new Holder(), MIB, 30 * MIB)?.kind, 'overloaded');
    assert.equal(budget.hold(new Holder(), MIB, 2 * MIB), undefined);
    for (let i = 0; i < 60; i++) budget.observe({ limitBytes: 512 * MIB, freeBytes: MIB });
    assert.equal(budget.isFull, false);
    assert.ok(budget.pressure < 0.95);
    assert.equal(budget.hold(new Holder(), 1, 16 * 1024), undefined);
  });

  it('a large machine that is nearly full still takes every body', () => {
    const budget = budgetOf();
    budget.observe({ limitBytes: 512 * 1024 * MIB, freeBytes: 10 * 1024 * MIB });
    assert.equal(budget.pressure, 0);
    assert.equal(budget.hold(new Holder(), MIB, 64 * MIB), undefined);
  });

  it('tells when an action begins and ends, without fluttering', () => {
    const told: (readonly [OverloadAction, boolean])[] = [];
    const inputs = { requestBytes: 0 };
    const budget = budgetOf({ inputs, onAction: (action, isOn) => told.push([action, isOn]) });
    for (const heldMib of [79, 81, 78, 74, 79]) {
      inputs.requestBytes = heldMib * MIB;
      budget.observe({ limitBytes: 1e15, freeBytes: 1e15 });
      told.push(['refuse_all', false]);
    }
    const mark = ['refuse_all', false];
    assert.deepEqual(told, [mark, ['refuse_large', true], mark, mark, ['refuse_large', false], mark, mark]);
  });
});
