/** Whatever a config.pbtxt says, its model is served or refused with a reason; nothing throws. */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { it } from 'node:test';
import { reflect } from '@bufbuild/protobuf/reflect';
import fc from 'fast-check';
import { protoMessage } from '../../../src/codec/protobuf/proto-messages.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { GIVEN_CONFIG, TRITON_MODEL_CONFIG } from '../../../src/features/open-inference/exported/model-config.ts';
import { tritonConfigJson, tritonConfigOf } from '../../../src/features/open-inference/triton-config.ts';
import { modelOfEntry } from '../../../src/features/triton-repository/config/model-of-config.ts';
import { TRITON } from '../../../src/features/triton-repository/config/triton-model.ts';
import { configView } from '../../../src/features/triton-repository/serving/config-view.ts';
import { checkAgainstGraph } from '../../../src/features/triton-repository/serving/graph-check.ts';
import { LoadFindings } from '../../../src/models/serving/load-findings.ts';
import { signature, spec } from '../../support/puppet-models.ts';
import { arbitraryMessage, printTextProto } from '../../support/text-proto-printer.ts';

const TYPE = protoMessage(TRITON_MODEL_CONFIG);
const GRAPHS = new Map([
  ['serving_default', signature({ x: spec('float32', [-1, 4]) }, { y: spec('float32', [-1, 1]) })],
]);

it('any config.pbtxt gives a model, or the reason why not', () => {
  fc.assert(
    fc.property(arbitraryMessage(TYPE), (message) => {
      const text = printTextProto(reflect(TYPE, message), () => 0);
      const entry = { name: 'm', directory: '/r/m', file: { bytes: Buffer.from(text) } };
      const { model, warnings } = modelOfEntry(entry, { executionProvider: 'cpu' });
      for (const warning of warnings) assert.match(warning, /^model "m": \/r\/m\/config\.pbtxt/);
      const triton = TRITON.of(model)!;
      const findings = new LoadFindings();
      findings.configuredRows = 4;
      findings.facts.set(GIVEN_CONFIG, { config: triton.config, labels: new Map() });
      const json = tritonConfigJson(tritonConfigOf({ name: 'm', signatures: GRAPHS, findings }));
      assert.equal(JSON.parse(json).name, 'm');
      if (model.refusal !== undefined) return;
      try {
        checkAgainstGraph('m', triton.config, GRAPHS.get('serving_default')!);
      } catch (error) {
        assert.ok(error instanceof ServingError, String(error));
        return;
      }
      configView(triton.config, GRAPHS);
    }),
    { numRuns: 300 },
  );
});
