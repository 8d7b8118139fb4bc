/**
 * An application as it may stand beside a model: node:http that reads and writes JSON, some 300 µs of CPU a request.
 * Prints its port. `x-stages` of an answer has the instants, in ns of the machine's monotonic clock, at which it had
 * the request and wrote the answer.
 */
import { createServer } from 'node:http';
import process from 'node:process';

const ITEMS = Array.from({ length: 120 }, (_, i) => ({ id: i, name: `item ${i}`, tags: ['a', 'b'], price: i * 1.25 }));
const TEXT = JSON.stringify(ITEMS);
const PASSES = 2;

function work(): string {
  let text = TEXT;
  for (let pass = 0; pass < PASSES; pass++) {
    const items = JSON.parse(text) as typeof ITEMS;
    items.sort((a, b) => b.price - a.price);
    text = JSON.stringify(items.map((item) => ({ ...item, price: item.price + 1 })));
  }
  return JSON.stringify({ length: text.length });
}

const server = createServer((request, response) => {
  const at = process.hrtime.bigint();
  request.resume();
  const body = work();
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': body.length,
    'x-stages': `${at} ${process.hrtime.bigint()}`,
  });
  response.end(body);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(JSON.stringify({ port: typeof address === 'object' ? address?.port : undefined }));
});
process.once('SIGTERM', () => process.exit(0));
