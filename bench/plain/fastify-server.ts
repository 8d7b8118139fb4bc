/**
 * What a developer writes first: Fastify and onnxruntime-node, one run a request, TensorFlow Serving's row form. The
 * baseline of REST figures. Usage: fastify-server.js MODEL.onnx; prints its port.
 */
import process from 'node:process';
import Fastify from 'fastify';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const session = await InferenceSession.create(process.argv[2]!, {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionProviders: ['cpu'],
});
const app = Fastify({ bodyLimit: 64 * 2 ** 20 });

app.post<{ Body: { instances: number[][] } }>('/v1/models/:model', async (request) => {
  const { instances } = request.body;
  const width = instances[0]!.length;
  const x = new Tensor('float32', Float32Array.from(instances.flat()), [instances.length, width]);
  const y = (await session.run({ x }))['y']!;
  const data = y.data as Float32Array;
  const columns = y.dims[1]!;
  const predictions = instances.map((_, row) => Array.from(data.subarray(row * columns, (row + 1) * columns)));
  return { predictions };
});

await app.listen({ host: '127.0.0.1', port: 0 });
const address = app.server.address();
console.log(JSON.stringify({ port: typeof address === 'object' ? address?.port : undefined }));
process.once('SIGTERM', () => process.exit(0));
