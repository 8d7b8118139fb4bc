/**
 * node examples/fronted/run.mjs: an application of FastAPI with a sidecar in front of it, and the trace of one request.
 * It sets up what is missing, starts both, reads one postal code, shows the request's trace, and stays up until Ctrl-C.
 *
 *   --port=N      the one port for the page, the application, REST and gRPC; default 8500
 *   --zipkin      a Zipkin that it starts gets the spans, and shows the trace; needs Java 17 and Maven 3.8, and fetches 84 MB
 *   --jaeger      a Jaeger that it starts; needs Go 1.26, which builds it in some minutes the first time
 *   --otlp=URL    a collector of yours that takes OTLP over HTTP, such as a Jaeger at http://127.0.0.1:4318
 *   --once        it ends after the first request
 *
 * With none of the three this script receives the spans, and where Zipkin or Jaeger cannot be had.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { renderTrace } from '../../scripts/demo/render.mjs';
import { startSidecar } from '../../scripts/demo/sidecar-process.mjs';
import { ensureBuilt, ensurePython, root, say } from '../../scripts/lib/setup.mjs';
import { startCollector } from './collectors.mjs';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8500' },
    otlp: { type: 'string' },
    jaeger: { type: 'boolean' },
    zipkin: { type: 'boolean' },
    once: { type: 'boolean' },
  },
});
const LETTER = [14, 0, 10, 3, 15];
/** The kind of a span, as OTLP numbers them. */
const SERVER = 2;

ensureBuilt();
const python = ensurePython('fronted-example', 'examples/fronted/requirements.txt');

const directory = mkdtempSync(join(tmpdir(), 'pillion-fronted-'));
const socket = join(directory, 'app.sock');
const address = `http://127.0.0.1:${values.port}`;

/** The application, which listens on a socket that nobody else sees. */
function startApp() {
  const args = ['-m', 'uvicorn', '--app-dir', 'examples/fronted', 'app:app', '--uds', socket, '--log-level', 'warning'];
  const child = spawn(python, args, {
    cwd: root,
    env: { ...process.env, SIDECAR: address },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  return {
    exited,
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

function serveArgs() {
  return [
    '--model=digits=examples/digits/models/digits',
    ...[`--port=${values.port}`, `--rest_api_port=${values.port}`, '--admin_port=0', '--bind_address=127.0.0.1'],
    ...[`--app=unix:${socket}`, '--app_health_path=/healthz', `--app_metrics_url=unix:${socket}:/metrics`],
  ];
}

/** Asks the application for what is on a letter. Returns the id of the request's trace. */
async function readLetter() {
  const traceId = randomBytes(16).toString('hex');
  const headers = {
    'content-type': 'application/json',
    'request-timeout': '5',
    traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01`,
  };
  const body = JSON.stringify({ scans: LETTER });
  const answer = await fetch(`${address}/codes`, { method: 'POST', headers, body });
  console.log(`\nPOST ${address}/codes ${body}\n  ${answer.status} ${await answer.text()}\n`);
  return traceId;
}

/** It is ready once the application is well. */
async function untilReady() {
  while ((await fetch(`${address}/v2/health/ready`)).status !== 200) await pause(50);
}

/** The request for the application and what that asked the model are here, and so is the batch in which it ran. */
function isWhole(spans) {
  const requests = spans.filter(({ kind }) => kind === SERVER);
  return requests.length === 2 && spans.some(({ name }) => name === 'inference.batch');
}

async function showTrace(collector, traceId) {
  const spans = await collector.trace(traceId, (all) => (isWhole(all) ? all : undefined));
  if (spans === undefined) {
    console.log(`Its trace is ${traceId}: ask the collector for it.`);
    return;
  }
  console.log(
    'Its trace: the request for the application, what that asked the model, and the batch in which it ran:\n',
  );
  console.log(renderTrace(spans));
  const link = collector.link(traceId);
  if (link !== undefined) console.log(`\nThe trace is at ${link}`);
}

/** What runs, in the order of the starts. */
const running = [];
const stopped = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => resolve(`it got ${signal}`));
});

async function start() {
  const collector = await startCollector(values);
  running.push(collector.close);
  say('Starting the application');
  const app = startApp();
  running.push(app.stop);
  say('Starting the sidecar in front of it');
  const sidecar = await startSidecar(serveArgs(), { ...collector.environment, OTEL_BSP_SCHEDULE_DELAY: '100' });
  running.push(async () => console.log(`\nThe sidecar drained and ended with status ${await sidecar.stop()}.`));
  const ended = Promise.race([
    stopped,
    app.exited.then(() => 'the application ended'),
    sidecar.exited.then(() => 'the sidecar ended'),
  ]);
  return { collector, ended };
}

try {
  const { collector, ended } = await start();
  const early = ended.then((why) => {
    throw new Error(`${why} before the trace was there`);
  });
  await Promise.race([
    early,
    untilReady()
      .then(readLetter)
      .then((traceId) => showTrace(collector, traceId)),
  ]);
  if (values.once !== true) {
    console.log(`\nA page, the application, REST, gRPC and one page of metrics are at ${address} until Ctrl-C:`);
    console.log(`  ${address}/   ${address}/v1/models   ${address}/monitoring/prometheus/metrics`);
    await ended;
  }
} catch (error) {
  console.error(`\n${error.message}`);
  process.exitCode = 1;
} finally {
  for (const end of running.reverse()) await end();
  rmSync(directory, { recursive: true, force: true });
}
