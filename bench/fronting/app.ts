/** The application that is fronted: answers each request with a little JSON, whatever it asks. Prints its port. */
import { createServer } from 'node:http';
import process from 'node:process';

const BODY = JSON.stringify({ id: 42, name: 'an answer as applications have them', items: [1, 2, 3, 4, 5, 6, 7, 8] });

const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': BODY.length });
  response.end(BODY);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(JSON.stringify({ port: typeof address === 'object' ? address?.port : undefined }));
});
process.once('SIGTERM', () => process.exit(0));
