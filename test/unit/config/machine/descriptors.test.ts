import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectionCaps, readDescriptorLimit } from '../../../../src/config/machine/descriptors.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const ENDING_SHARE = 1 / 8;

test('the limit is the soft one; none is Infinity', (t) => {
  const path = join(tempDirectory(t), 'limits');
  const limits = (soft: string): number => {
    writeFileSync(
      path,
      `Limit  Soft Limit  Hard Limit  Units\nMax processes  7  7\nMax open files            ${soft}      4096  files\n`,
    );
    return readDescriptorLimit(path);
  };
  assert.equal(limits('1024'), 1024);
  assert.equal(limits('unlimited'), Infinity);
  assert.equal(readDescriptorLimit(join(path, 'no')), Infinity);
  assert.ok(readDescriptorLimit() >= 256);
});

for (const limit of [256, 512, 1024, 4096, 20_000, 65_536]) {
  test(`nor by those to an application, of ${limit}`, () => {
    const caps = connectionCaps(limit, 0, true, ENDING_SHARE);
    const withEnding = Object.values(caps).reduce((sum, cap) => sum + cap + Math.ceil(cap * ENDING_SHARE), 0);
    assert.ok(withEnding + 128 <= limit, `${withEnding} connections`);
    assert.ok(caps.app >= 24 && caps.app >= caps.rest, JSON.stringify(caps));
  });

  test(`${limit} descriptors are never used up by connections`, () => {
    const { grpc, rest, admin, probes } = connectionCaps(limit, 0, false, ENDING_SHARE);
    const withEnding = [grpc, rest, admin, probes].reduce((sum, cap) => sum + cap + Math.ceil(cap * ENDING_SHARE), 0);
    assert.ok(withEnding + 128 <= limit, `${withEnding} connections`);
    assert.ok(grpc >= 40 && rest >= 40 && admin >= 10 && probes >= 5, JSON.stringify({ grpc, rest, admin, probes }));
  });
}

test('there are at most 10,000 connections, unless more are asked for', () => {
  assert.deepEqual(connectionCaps(1_048_576, 0, false, ENDING_SHARE), {
    ...{ grpc: 10_000, rest: 10_000, admin: 256, probes: 64, app: 0 },
  });
  assert.equal(connectionCaps(Infinity, 0, false, ENDING_SHARE).grpc, 10_000);
  assert.equal(connectionCaps(1_048_576, 50_000, false, ENDING_SHARE).rest, 50_000);
  assert.equal(connectionCaps(1_048_576, 100, false, ENDING_SHARE).rest, 100);
  assert.ok(connectionCaps(1024, 50_000, false, ENDING_SHARE).rest < 512);
});
