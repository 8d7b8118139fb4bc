/** node:http and node:http2 that read a request whole and answer always the same. Prints the two ports. */
import { Buffer } from 'node:buffer';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import process from 'node:process';
import { frame } from '../../test/support/raw-grpc.ts';

const rest = createHttpServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    Buffer.concat(chunks);
    response.end('{"predictions":[0]}');
  });
});
const grpc = createHttp2Server();
grpc.on('sessionError', () => undefined);
grpc.on('stream', (stream) => {
  const chunks: Buffer[] = [];
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => {
    Buffer.concat(chunks);
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.end(frame(Buffer.alloc(20)));
  });
});
const listening = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
const ports = { rest: await listening(rest), grpc: await listening(grpc as unknown as Server) };
process.stdout.write(`${JSON.stringify(ports)}\n`);
process.once('SIGTERM', () => process.exit(0));
