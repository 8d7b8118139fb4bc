/** Calls that are sent at once on one connection, so that they may share a batch. */
import { credentials } from '@grpc/grpc-js';
import { type Answer, clientClass, PREDICTION } from './grpc-harness.ts';

/** Resolves with the answers of the prediction service at "host:port", or the calls' errors, in the requests' order. */
export async function callTogether(address: string, method: string, requests: readonly object[]): Promise<Answer[]> {
  const Client = clientClass(PREDICTION);
  const client: Answer = new Client(address, credentials.createInsecure());
  const call = (request: object): Promise<Answer> =>
    new Promise((resolve) => {
      client[method](request, (error: Error | null, answer: Answer) => resolve(error ?? answer));
    });
  try {
    return await Promise.all(requests.map(call));
  } finally {
    client.close();
  }
}
