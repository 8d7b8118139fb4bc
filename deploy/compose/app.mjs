/**
 * The application of compose.yaml: GET /?x=1,2,5 asks the model beside it, with the caller's trace or one that begins here.
 */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import process from 'node:process';

const PREDICT = 'http://127.0.0.1:8501/v1/models/half_plus_two:predict';

const server = createServer(async (request, response) => {
  const { searchParams } = new URL(request.url, 'http://app');
  const instances = (searchParams.get('x') ?? '1,2,5').split(',').map(Number);
  const id = (bytes) => randomBytes(bytes).toString('hex');
  const traceparent = request.headers.traceparent ?? `00-${id(16)}-${id(8)}-01`;
  try {
    const answer = await fetch(PREDICT, {
      method: 'POST',
      headers: { traceparent },
      body: JSON.stringify({ instances }),
      signal: AbortSignal.timeout(2000),
    });
    response.writeHead(answer.status, { 'content-type': 'application/json', traceparent });
    response.end(await answer.text());
  } catch (error) {
    response.writeHead(503).end(`${error.message}\n`);
  }
});

server.listen(8000, () => console.log('app: listening on port 8000'));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
