/** Numbers of a gRPC answer, as `pillion predict` shows them: those that the server sent. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { numericTensor } from '../../../src/core/tensor.ts';
import { grpcProtocol } from '../../../src/features/predict/grpc-protocol.ts';
import { eachEngine } from '../../support/grpc-engines.ts';
import { withGrpc } from '../../support/grpc-harness.ts';
import { signature, spec } from '../../support/puppet-models.ts';

eachEngine('a float64 that is a float32 as well keeps its digits', async () => {
  const tenth = Math.fround(0.1);
  const signatures = {
    serving_default: signature({ x: spec('float32', [-1]) }, { wide: spec('float64', [-1]), y: spec('float32', [-1]) }),
  };
  const behave = () =>
    new Map([
      ['wide', numericTensor('float64', [1], Float64Array.of(tenth))],
      ['y', numericTensor('float32', [1], Float32Array.of(tenth))],
    ]);
  await withGrpc(
    (models) => models.add('m', { signatures, behave }),
    async (server) => {
      const address = { shown: '', base: `http://${server.address}`, socketPath: undefined, ca: undefined };
      const given = { ...address, identity: undefined, token: undefined, timeoutMs: 10_000 };
      const protocol = await grpcProtocol(given, { model: 'm', version: '', signature: 'serving_default' });
      try {
        const { outputs } = await protocol.predict(Buffer.from('{"inputs":[1]}'));
        assert.deepEqual(
          [...outputs],
          [
            ['wide', [tenth]],
            ['y', [0.1]],
          ],
        );
      } finally {
        protocol.close();
      }
    },
  );
});
