/**
 * @grpc/grpc-js without protobuf: a message is the input's float32 bytes, the answer the first output's. It
 * shows what that stack can do at most with large tensors. Usage: grpc-js-raw-server.js MODEL.onnx; prints its port.
 */
import { Buffer } from 'node:buffer';
import process from 'node:process';
import grpc from '@grpc/grpc-js';
import { InferenceSession, Tensor } from '../../src/internals/ort-library.ts';

const session = await InferenceSession.create(process.argv[2]!, {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionProviders: ['cpu'],
});
const input = session.inputMetadata[0]!;
const rowShape = input.isTensor ? (input.shape.slice(1) as number[]) : [];
const rowBytes = 4 * rowShape.reduce((product, size) => product * size, 1);

async function run(message: Buffer): Promise<Buffer> {
  const { buffer, byteOffset, length } = message;
  // Float32Array wants an offset that 4 divides; the transport promises none.
  const bytes = byteOffset % 4 === 0 ? buffer : buffer.slice(byteOffset, byteOffset + length);
  const floats = new Float32Array(bytes as ArrayBuffer, bytes === buffer ? byteOffset : 0, length / 4);
  const x = new Tensor('float32', floats, [length / rowBytes, ...rowShape]);
  const y = (await session.run({ [input.name]: x }))[session.outputNames[0]!]!.data as Float32Array;
  return Buffer.from(y.buffer, y.byteOffset, y.byteLength);
}

const asIs = (bytes: Buffer): Buffer => bytes;
const server = new grpc.Server();
server.addService(
  {
    Run: {
      path: '/bench.Raw/Run',
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  },
  {
    Run: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      run(call.request).then((answer) => done(null, answer), done);
    },
  },
);
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.log(JSON.stringify({ port }));
});
process.once('SIGTERM', () => process.exit(0));
