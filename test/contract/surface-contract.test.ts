/**
 * Bad input of every kind, over REST (HTTP/1.1 and HTTP/2) and gRPC, against one `pillion serve`: see surface-contract.ts. At the end it is
 * the same process, it answers, it has counted every refusal once, has told of no defect and holds no memory.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { hasFeature } from '../support/has-feature.ts';
import type { MetricsPage } from '../support/surface-sidecar.ts';
import { isOn, runBad, runGood, type SurfaceName } from './surface-contract.ts';
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
const SURFACES: readonly SurfaceName[] = ['rest', 'rest-http2', 'grpc'];

const arena = useArena();

for (const surface of SURFACES) {
  describe(`${surface}: refused, and the connection goes on`, () => {
    const counted = surface === 'grpc' ? 'grpc' : 'rest';
    let first: MetricsPage;
    before(async () => {
      first = await arena().server.untilQuiet();
    });

    for (const scenario of BAD) {
      if (isOn(surface, scenario)) test(scenario.name, () => runBad(scenario, surface, arena().clients));
    }

    test('each was counted once, under its kind', { skip: !hasFeature('prometheus') }, async () => {
      const page = await arena().server.untilQuiet();
      const expected = new Map<string, number>();
      for (const scenario of BAD) {
        const { kind, isUncounted } = scenario;
        if (!isOn(surface, scenario) || isUncounted?.includes(counted)) continue;
        expected.set(kind, (expected.get(kind) ?? 0) + 1);
      }
      const refused = (kind?: string): number => page.refusals(counted, kind) - first.refusals(counted, kind);
      for (const [kind, count] of expected) assert.equal(refused(kind), count, kind);
      const total = [...expected.values()].reduce((sum, count) => sum + count, 0);
      assert.equal(refused(), total);
    });

    test('none has cost a connection that it must not', () => {
      const closing = BAD.filter((scenario) => scenario.rest !== undefined && scenario.closes).length;
      const { clients } = arena();
      assert.equal(clients.rest.opened, closing + 1);
      if (surface === 'grpc') assert.equal(clients.grpc.opened, 1);
      if (surface === 'rest-http2') assert.equal(clients.restHttp2.opened, 1);
    });
  });

  describe(`${surface}: odd and right`, () => {
    for (const scenario of GOOD) {
      if (isOn(surface, scenario)) test(scenario.name, () => runGood(scenario, surface, arena().clients));
    }
  });
}

describeEquivalence(arena);
describePipelining(arena);
describeConnections(arena);
describeGrpcGarbage(arena);
describeGrpcHeaders(arena);
describeEnd(arena);
