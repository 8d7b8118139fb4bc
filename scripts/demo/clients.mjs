/** Two plain clients, as an application has them: fetch, and grpc-js with proto-loader. Nothing of Pillion's. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { root } from '../lib/setup.mjs';

/** No model answers in this time. */
export const REFUSED_TIMEOUT_SECONDS = 0.000_05;

const newTrace = () => {
  const traceId = randomBytes(16).toString('hex');
  return { traceId, traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` };
};

const portOf = (address) => address.slice(address.lastIndexOf(':') + 1);

export async function openClients({ grpc: [grpcAddress], rest: [restAddress] }) {
  const restUrl = `http://127.0.0.1:${portOf(restAddress)}`;
  const predictUrl = `${restUrl}/v1/models/digits:predict`;
  const definition = await protoLoader.load('tensorflow_serving/apis/prediction_service.proto', {
    keepCase: true,
    longs: Number,
    enums: String,
    includeDirs: [join(root, 'proto')],
  });
  const { PredictionService } = grpc.loadPackageDefinition(definition).tensorflow.serving;
  const client = new PredictionService(`127.0.0.1:${portOf(grpcAddress)}`, grpc.credentials.createInsecure());

  async function rest({ pixels }) {
    const { traceId, traceparent } = newTrace();
    const response = await fetch(predictUrl, {
      method: 'POST',
      headers: { traceparent, 'request-timeout': '5' },
      body: JSON.stringify({ instances: [pixels] }),
    });
    const { predictions, error } = await response.json();
    if (error !== undefined) throw new Error(error);
    return { traceId, ...predictions[0] };
  }

  function callGrpc({ pixels }) {
    const { traceId, traceparent } = newTrace();
    const metadata = new grpc.Metadata();
    metadata.set('traceparent', traceparent);
    const request = {
      model_spec: { name: 'digits' },
      inputs: {
        pixels: { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: 1 }, { size: 64 }] }, float_val: pixels },
      },
    };
    return new Promise((resolve, reject) => {
      client.Predict(request, metadata, { deadline: Date.now() + 5000 }, (error, reply) => {
        if (error) return reject(error);
        const { digit, probabilities } = reply.outputs;
        return resolve({ traceId, digit: digit.int64_val[0], probabilities: probabilities.float_val });
      });
    });
  }

  return {
    restUrl,
    rest,
    grpc: callGrpc,
    /** Asks with a deadline that cannot be met. */
    async refused({ pixels }) {
      const response = await fetch(predictUrl, {
        method: 'POST',
        headers: { 'request-timeout': String(REFUSED_TIMEOUT_SECONDS) },
        body: JSON.stringify({ instances: [pixels] }),
      });
      return { status: response.status, error: (await response.json()).error };
    },
    close: () => client.close(),
  };
}
