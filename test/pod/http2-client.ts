/**
 * The client's HTTP/2 to Pillion's gRPC port: calls of the model by @grpc/grpc-js, and requests for the application, which are
 * no gRPC. Each pod has one connection of either kind, kept until the pod ends it. Nothing is sent twice.
 */
import { Buffer } from 'node:buffer';
import { type ClientHttp2Session, connect } from 'node:http2';
import * as grpc from '@grpc/grpc-js';
import { decode, encode } from '../support/proto-registry.ts';
import { type Answer, PATIENCE_MS } from './answer.ts';

const PORT = 8500;
const PREDICT = '/tensorflow.serving.PredictionService/Predict';
const PIXELS = { dtype: 1, tensorShape: { dim: [{ size: 1n }, { size: 64n }] }, floatVal: Array(64).fill(0) };
const DIGITS = { modelSpec: { name: 'digits' }, inputs: { pixels: PIXELS } };

export class Http2Client {
  readonly #request = Buffer.from(encode('tensorflow.serving.PredictRequest', DIGITS));
  readonly #clients = new Map<string, grpc.Client>();
  readonly #sessions = new Map<string, ClientHttp2Session>();

  /** Resolves with status 200 and one prediction as text, or rejects. */
  predict(address: string): Promise<Answer> {
    const deadline = Date.now() + PATIENCE_MS;
    return new Promise((resolve, reject) => {
      const done = (error: grpc.ServiceError | null, answer?: Answer): void =>
        error === null ? resolve(answer!) : reject(error);
      this.#clientOf(address).makeUnaryRequest(PREDICT, Buffer.from, readAnswer, this.#request, { deadline }, done);
    });
  }

  /** A GET of the application. */
  ask(address: string, path: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const stream = this.#sessionOf(address).request({ ':path': path });
      let status = Number.NaN;
      let text = '';
      stream.setTimeout(PATIENCE_MS, () => stream.destroy(new Error(`no answer in ${PATIENCE_MS} ms`)));
      stream.on('response', (headers) => (status = Number(headers[':status'])));
      stream.setEncoding('utf8').on('data', (part) => (text += part));
      stream.once('error', reject);
      stream.once('close', () => reject(new Error(`the stream has ended without an answer: ${stream.rstCode}`)));
      stream.once('end', () => resolve({ status, text, version: undefined }));
    });
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    for (const session of this.#sessions.values()) session.destroy();
  }

  #clientOf(address: string): grpc.Client {
    const known = this.#clients.get(address);
    if (known !== undefined) return known;
    const options = { 'grpc.use_local_subchannel_pool': 1, 'grpc.enable_retries': 0 };
    const client = new grpc.Client(`${address}:${PORT}`, grpc.credentials.createInsecure(), options);
    this.#clients.set(address, client);
    return client;
  }

  /** A new one after GOAWAY. */
  #sessionOf(address: string): ClientHttp2Session {
    const known = this.#sessions.get(address);
    if (known !== undefined && !known.closed && !known.destroyed) return known;
    // Each of its streams has the error.
    const session = connect(`http://${address}:${PORT}`).on('error', () => undefined);
    this.#sessions.set(address, session);
    return session;
  }
}

function readAnswer(bytes: Buffer): Answer {
  const { modelSpec, outputs } = decode('tensorflow.serving.PredictResponse', bytes) as unknown as {
    modelSpec: { version: { value: bigint } };
    outputs: object;
  };
  return { status: 200, text: Object.keys(outputs).join(), version: String(modelSpec.version) };
}
