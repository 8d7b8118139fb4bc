/**
 * Bad input of every kind, over REST and gRPC, against one `pillion serve`: see surface-contract.ts. At the end it is
 * the same process, it answers, it has counted every refusal once, has told of no defect and holds no memory.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hasFeature } from '../support/has-feature.ts';
import { runBad, runGood, type SurfaceName } from './surface-contract.ts';
import { describeEnd, useArena } from './surface-contract-arena.ts';
import {
  describeConnections,
  describeGrpcGarbage,
  describeGrpcHeaders,
  describePipelining,
} from './surface-contract-crowds.ts';
import { describeEquivalence } from './surface-contract-equal.ts';
import { BAD_INFERENCE } from './surface-contract-inference.ts';
import { BAD_INPUTS, GOOD_INPUTS } from './surface-contract-inputs.ts';
import { BAD_JSON, GOOD_JSON } from './surface-contract-json.ts';
import { BAD_LIMITS, GOOD_LIMITS } from './surface-contract-limits.ts';
import { BAD_OPEN_INFERENCE } from './surface-contract-open-inference.ts';
import { BAD_TENSORS } from './surface-contract-tensors.ts';
import { BAD_WIRE } from './surface-contract-wire.ts';

/** Names of cases that ask what a feature adds, and the feature. */
const OF_FEATURES = [
  [/^(classify|regress): /, 'classify-and-regress'],
  [/^Open Inference: /, 'open-inference'],
  [/^Open Inference: shared memory$/, 'shared-memory'],
  [/^Open Inference: a load /, 'triton-repository'],
] as const;
const isListed = (name: string): boolean =>
  OF_FEATURES.every(([names, feature]) => !names.test(name) || hasFeature(feature));

const BAD = [
  ...BAD_JSON,
  ...BAD_INPUTS,
  ...BAD_TENSORS,
  ...BAD_LIMITS,
  ...BAD_WIRE,
  ...BAD_INFERENCE,
  ...BAD_OPEN_INFERENCE,
].filter(({ name }) => isListed(name));
const GOOD = [...GOOD_JSON, ...GOOD_INPUTS, ...GOOD_LIMITS];
const SURFACES: readonly SurfaceName[] = ['rest', 'grpc'];

const arena = useArena();

for (const surface of SURFACES) {
  describe(`${surface}: refused, and the connection goes on`, () => {
    for (const scenario of BAD) {
      if (scenario[surface] !== undefined) test(scenario.name, () => runBad(scenario, surface, arena().clients));
    }

    test('each was counted once, under its kind', { skip: !hasFeature('prometheus') }, async () => {
      const page = await arena().server.untilQuiet();
      const expected = new Map<string, number>();
      for (const { [surface]: sent, kind, isUncounted } of BAD) {
        if (sent === undefined || isUncounted?.includes(surface)) continue;
        expected.set(kind, (expected.get(kind) ?? 0) + 1);
      }
      for (const [kind, count] of expected) assert.equal(page.refusals(surface, kind), count, kind);
      const total = [...expected.values()].reduce((sum, count) => sum + count, 0);
      assert.equal(page.refusals(surface), total);
    });

    test('none has cost a connection that it must not', () => {
      const closing = BAD.filter((scenario) => scenario.rest !== undefined && scenario.closes).length;
      const { clients } = arena();
      assert.equal(clients.rest.opened, closing + 1);
      if (surface === 'grpc') assert.equal(clients.grpc.opened, 1);
    });
  });

  describe(`${surface}: odd and right`, () => {
    for (const scenario of GOOD) {
      if (scenario[surface] !== undefined) test(scenario.name, () => runGood(scenario, surface, arena().clients));
    }
  });
}

describeEquivalence(arena);
describePipelining(arena);
describeConnections(arena);
describeGrpcGarbage(arena);
describeGrpcHeaders(arena);
describeEnd(arena);
