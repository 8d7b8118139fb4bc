/** A collector small enough to read: takes OTLP over HTTP as JSON, keeps the spans, lets the demo wait for some. */
import { createServer } from 'node:http';

export async function startOtlpReceiver() {
  const spans = [];
  const waiting = new Set();
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { resourceSpans = [] } = JSON.parse(Buffer.concat(chunks).toString());
    for (const { scopeSpans } of resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    for (const check of waiting) check();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    spans,
    /** Resolves with what `find(spans)` gives, once it is not undefined. */
    until(find) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('the awaited spans did not arrive in 10 s')), 10_000);
        const check = () => {
          const found = find(spans);
          if (found === undefined) return;
          clearTimeout(timer);
          waiting.delete(check);
          resolve(found);
        };
        waiting.add(check);
        check();
      });
    },
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}
