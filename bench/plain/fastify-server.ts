/**
 * The server that a developer writes first: Fastify and onnxruntime-node, one run a request, TensorFlow Serving's row
 * form. The baseline of REST figures. Usage: fastify-server.js MODEL.onnx; prints its port.
 */
import process from 'node:process';
import Fastify from 'fastify';
import { InferenceSession, Tensor } from '../../src/internals/ort-library.ts';

const session = await InferenceSession.create(process.argv[2]!, {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionProviders: ['cpu'],
});
const input = session.inputMetadata[0]!;
const rowShape = input.isTensor ? (input.shape.slice(1) as number[]) : [];
const app = Fastify({ bodyLimit: 64 * 2 ** 20 });

/** The rows of one output as JSON shows them. */
function rowsOf({ data, dims }: Tensor): unknown[] {
  const values = data instanceof BigInt64Array ? Float64Array.from(data, Number) : (data as Float32Array);
  const rows = dims[0]!;
  if (dims.length === 1) return Array.from(values);
  const width = values.length / rows;
  return Array.from({ length: rows }, (_, row) => Array.from(values.subarray(row * width, (row + 1) * width)));
}

app.post<{ Body: { instances: number[] } }>('/v1/models/:model', async (request) => {
  const { instances } = request.body;
  const values = Float32Array.from(instances.flat(rowShape.length as 1));
  const outputs = await session.run({ [input.name]: new Tensor('float32', values, [instances.length, ...rowShape]) });
  const [only, ...others] = session.outputNames;
  if (others.length === 0) return { predictions: rowsOf(outputs[only!]!) };
  const columns = session.outputNames.map((name) => [name, rowsOf(outputs[name]!)] as const);
  const predictions = instances.map((_, row) => Object.fromEntries(columns.map(([name, rows]) => [name, rows[row]])));
  return { predictions };
});

await app.listen({ host: '127.0.0.1', port: 0 });
const address = app.server.address();
console.log(JSON.stringify({ port: typeof address === 'object' ? address?.port : undefined }));
process.once('SIGTERM', () => process.exit(0));
