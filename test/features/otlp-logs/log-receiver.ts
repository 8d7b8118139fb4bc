/** A collector of the tests' own that takes logs: OTLP over HTTP, at /v1/logs, and over gRPC. */
import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { Server, ServerCredentials, type UntypedHandleCall } from '@grpc/grpc-js';
import {
  decodeLogs,
  type LogRecordMessage,
  type LogsExportMessage,
  logsService,
} from '../../support/otlp-log-messages.ts';

export interface LogReceiver {
  readonly endpoint: string;
  readonly requests: readonly LogsExportMessage[];
}

export const recordsOf = (requests: readonly LogsExportMessage[]): readonly LogRecordMessage[] =>
  requests.flatMap(({ resourceLogs }) =>
    resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords)),
  );

export async function startHttpLogs(t: TestContext): Promise<LogReceiver> {
  const requests: LogsExportMessage[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const isLogs = request.url === '/v1/logs' && request.headers['content-type'] === 'application/x-protobuf';
    if (isLogs) requests.push(decodeLogs(Buffer.concat(chunks)));
    response.writeHead(isLogs ? 200 : 404, { 'content-type': 'application/x-protobuf' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

export async function startGrpcLogs(t: TestContext): Promise<LogReceiver> {
  const requests: LogsExportMessage[] = [];
  const server = new Server();
  const take: UntypedHandleCall = (
    call: { request: LogsExportMessage },
    answer: (error: null, response: object) => void,
  ) => {
    requests.push(call.request);
    answer(null, {});
  };
  server.addService(logsService, { Export: take });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  t.after(() => server.forceShutdown());
  return { endpoint: `http://127.0.0.1:${port}`, requests };
}
