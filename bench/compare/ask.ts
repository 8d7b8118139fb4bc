/** One request and its answer, by plain clients: load generators look at statuses alone. */
import { Buffer } from 'node:buffer';
import grpc from '@grpc/grpc-js';
import type { BenchModel } from './models.ts';
import { type Protocol, requireRightAnswer } from './protocols/protocol.ts';

const TIMEOUT_MS = 10_000;

/** The answer's bytes (gRPC: of the message), found right. Rejects with what was wrong. */
export async function askOnce(protocol: Protocol, origin: string, model: BenchModel): Promise<Uint8Array> {
  const answer =
    protocol.surface === 'gRPC' ? await askGrpc(protocol, origin, model) : await askHttp(protocol, origin, model);
  requireRightAnswer(protocol, answer, model);
  return answer;
}

async function askHttp(protocol: Protocol, origin: string, model: BenchModel): Promise<Uint8Array> {
  const response = await fetch(origin + protocol.path(model), {
    method: 'POST',
    headers: protocol.headers(model),
    body: protocol.request(model) as Uint8Array<ArrayBuffer>,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const answer = new Uint8Array(await response.arrayBuffer());
  if (response.status !== 200) {
    throw new Error(`status ${response.status}: ${new TextDecoder().decode(answer.subarray(0, 300))}`);
  }
  return answer;
}

function askGrpc(protocol: Protocol, origin: string, model: BenchModel): Promise<Uint8Array> {
  const client = new grpc.Client(new URL(origin).host, grpc.credentials.createInsecure());
  const asIs = (bytes: Buffer): Buffer => bytes;
  const request = Buffer.from(protocol.request(model));
  const options = { deadline: Date.now() + TIMEOUT_MS };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(protocol.path(model), asIs, asIs, request, options, (error, answer) => {
      client.close();
      if (error !== null) reject(error);
      else resolve(answer!);
    });
  });
}
