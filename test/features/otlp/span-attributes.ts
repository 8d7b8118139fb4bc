/** Attributes of spans as where no variable asks for others, of a server with the kernel's Predict. */
import { ServedNames, type ServedNamesOptions } from '../../../src/features/otlp/attributes/served-names.ts';
import { SpanAttributes } from '../../../src/features/otlp/attributes/span-attributes.ts';
import { RpcAttributes } from '../../../src/ledger/tracing/rpc-attributes.ts';
import { servingOperations } from '../../../src/proxy/protocols/tensorflow-serving/rest/operations.ts';

export function spanAttributes(env: Record<string, string> = {}, options: ServedNamesOptions = {}): SpanAttributes {
  const names = new ServedNames(options);
  const path = '/tensorflow.serving.PredictionService/Predict';
  const start = (): never => {
    throw new Error('nobody calls it');
  };
  const method = { path, isClientStream: false, enforcesDeadline: false, start };
  names.described = () => [{ operations: servingOperations(''), schemas: {} }];
  names.services = () => [{ name: 'tensorflow.serving.PredictionService', methods: [method] }];
  return new SpanAttributes({ rpc: new RpcAttributes(env), names });
}
