/** The one request that is measured: a row of 128 floats, seeded, as JSON and as a PredictRequest. */
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const WIDTH = 128;
const COLUMNS = 10;
const ROW = Array.from({ length: WIDTH }, (_, i) => Number(Math.fround(Math.sin(i)).toPrecision(7)));

const SERVICE = protoLoader.loadSync('tensorflow_serving/apis/prediction_service.proto', { includeDirs: ['proto'] })[
  'tensorflow.serving.PredictionService'
] as grpc.ServiceDefinition;

/** {"instances": [[…]]} */
export function restBody(): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ instances: [ROW] }));
}

/** A PredictRequest whose input x is a tensor_content. */
export function grpcBody(model: string): Uint8Array {
  return SERVICE['Predict']!.requestSerialize({
    modelSpec: { name: model },
    inputs: {
      x: {
        dtype: 'DT_FLOAT',
        tensorShape: { dim: [{ size: 1 }, { size: WIDTH }] },
        tensorContent: new Uint8Array(Float32Array.from(ROW).buffer),
      },
    },
  });
}

/** Load generators look at statuses alone: this looks at one answer. */
export async function requireRestAnswer(url: string): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: restBody() });
  const text = await response.text();
  const { predictions } = JSON.parse(text) as { predictions?: number[][] };
  if (predictions?.[0]?.length !== COLUMNS) throw new Error(`${url} answered ${response.status} ${text.slice(0, 200)}`);
}

export function requireGrpcAnswer(url: string, model: string): Promise<void> {
  const { host, pathname } = new URL(url);
  const client = new grpc.Client(host, grpc.credentials.createInsecure());
  return new Promise((resolve, reject) => {
    const { responseDeserialize } = SERVICE['Predict']!;
    const done = (error: grpc.ServiceError | null, reply?: unknown): void => {
      client.close();
      const values = (reply as { outputs?: { y?: { floatVal?: number[] } } })?.outputs?.y?.floatVal;
      if (error !== null) reject(error);
      else if (values?.length !== COLUMNS) reject(new Error(`${url} answered ${JSON.stringify(reply).slice(0, 200)}`));
      else resolve();
    };
    client.makeUnaryRequest(
      pathname,
      (bytes: Buffer) => bytes,
      responseDeserialize,
      Buffer.from(grpcBody(model)),
      done,
    );
  });
}
