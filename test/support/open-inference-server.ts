/**
 * A server of the Open Inference Protocol on @grpc/grpc-js, its messages by the protocol's own descriptors: what the
 * remote backend writes and reads was not made by the code under test.
 */
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';

const DESCRIPTORS = 'test/golden/wire/tritonclient-grpc.fds.bin';

// biome-ignore lint/suspicious/noExplicitAny: proto-loader's messages have no types.
export type Message = any;

/** The answer of each method, or a promise of it. */
export interface OpenInferenceAnswers {
  readonly metadata: (request: Message) => Message;
  readonly infer: (request: Message) => Message;
  /** Absent = the server has no such method. */
  readonly config?: (request: Message) => Message;
}

/** Its address. It ends with the test; what an answer throws with a `code` is that status. */
export async function openInferenceServer(t: TestContext, answers: OpenInferenceAnswers): Promise<string> {
  const definition = loadFileDescriptorSetFromBuffer(readFileSync(DESCRIPTORS), { keepCase: true, longs: Number });
  const loaded = grpc.loadPackageDefinition(definition) as Message;
  const server = new grpc.Server();
  server.addService(loaded.inference.GRPCInferenceService.service, {
    ModelMetadata: unary(answers.metadata),
    ModelInfer: unary(answers.infer),
    ...(answers.config && { ModelConfig: unary(answers.config) }),
  });
  t.after(() => server.forceShutdown());
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return `127.0.0.1:${port}`;
}

function unary(answer: (request: Message) => Message): grpc.handleUnaryCall<Message, Message> {
  return async (call, callback) => {
    try {
      callback(null, await answer(call.request));
    } catch (error) {
      callback(error as grpc.ServiceError);
    }
  };
}
