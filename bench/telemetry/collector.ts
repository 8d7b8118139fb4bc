/** A collector that takes spans over OTLP/HTTP and throws them away: what the server pays is to make and send them. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';

let bytes = 0;
const server = createServer((request, response) => {
  request.on('data', (chunk: Uint8Array) => {
    bytes += chunk.byteLength;
  });
  request.on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
});
process.on('SIGTERM', () => {
  process.stdout.write(`${JSON.stringify({ bytes })}\n`);
  process.exit(0);
});
