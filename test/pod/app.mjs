/**
 * The application of the pods. It asks the model before it listens, and says what it does on standard output, a line of
 * JSON each. POST /hog takes memory until the kernel ends it.
 */
import { createServer, request } from 'node:http';
import process from 'node:process';

const PREDICT = 'http://127.0.0.1:8501/v1/models/digits:predict';
const CHUNK = 8 << 20;
/** Shorter than a pod's grace period, and long enough to see what ends first. */
const END_MS = 1000;

const say = (event, facts = {}) => process.stdout.write(`${JSON.stringify({ event, ...facts })}\n`);

/** Resolves with the status, or the error's code. */
function askModel() {
  return new Promise((resolve) => {
    const asked = request(PREDICT, { method: 'POST' }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode));
    });
    asked.on('error', (error) => resolve(error.code));
    asked.end(JSON.stringify({ instances: [Array(64).fill(0)] }));
  });
}

function takeMemory() {
  const held = [];
  for (;;) held.push(Buffer.alloc(CHUNK, 1));
}

say('start');
say('first_answer', { status: await askModel() });
if (process.argv[2] === 'job') {
  const answers = [];
  for (let i = 0; i < 50; i++) answers.push(await askModel());
  say('scored', { answers: answers.filter((status) => status === 200).length });
} else {
  const server = createServer((asked, answer) => {
    if (asked.url === '/hog') takeMemory();
    answer.end(`the application: ${asked.url}\n`);
  }).listen(8080, () => say('listening'));
  process.on('SIGTERM', () => {
    say('sigterm');
    setTimeout(async () => {
      say('exit', { last_answer: await askModel() });
      server.close(() => process.exit(0));
      server.closeAllConnections();
    }, END_MS);
  });
}
