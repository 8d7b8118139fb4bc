/**
 * node examples/fronted/run.mjs: an application of FastAPI with a sidecar in front of it, and the trace of one request.
 * It sets up what is missing, starts both, reads one postal code, shows the request's trace, and stays up until Ctrl-C.
 *
 *   --port=N      the one port for the page, the application, REST and gRPC; default 8500
 *   --otlp=URL    a collector that takes OTLP over HTTP, such as Jaeger at http://127.0.0.1:4318, gets the spans; default:
 *                 this script receives them
 *   --once        it ends after the first request
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { ensureBuilt, ensurePython, root, say } from '../../scripts/lib/setup.mjs';

const { values } = parseArgs({
  options: { port: { type: 'string', default: '8500' }, otlp: { type: 'string' }, once: { type: 'boolean' } },
});
const LETTER = [14, 0, 10, 3, 15];

ensureBuilt();
const python = ensurePython('fronted-example', 'examples/fronted/requirements.txt');
const { startOtlpReceiver } = await import('../../scripts/demo/otlp-receiver.mjs');
const { startSidecar } = await import('../../scripts/demo/sidecar-process.mjs');
const { renderTrace } = await import('../../scripts/demo/render.mjs');

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
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
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

async function showTrace(collector, traceId) {
  const spans = await collector.until((all) => {
    const own = all.filter((span) => span.traceId === traceId);
    // The last to end is the span of the whole request.
    return own.some(({ name }) => name === 'inference.batch') && own.filter(({ kind }) => kind === 2).length === 2
      ? own
      : undefined;
  });
  console.log(
    'Its trace: the request for the application, what that asked the model, and the batch in which it ran:\n',
  );
  console.log(renderTrace(spans));
}

const collector = values.otlp === undefined ? await startOtlpReceiver() : undefined;
say('Starting the application');
const app = startApp();
let sidecar;
try {
  say('Starting the sidecar in front of it');
  sidecar = await startSidecar(serveArgs(), {
    OTEL_EXPORTER_OTLP_ENDPOINT: values.otlp ?? collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: values.otlp === undefined ? 'http/json' : 'http/protobuf',
    OTEL_BSP_SCHEDULE_DELAY: '100',
  });
  // It is ready once the application is well.
  while ((await fetch(`${address}/v2/health/ready`)).status !== 200) {
    if (app.hasEnded()) throw new Error('the application ended before it was well; what it said is above');
    await new Promise((done) => setTimeout(done, 50));
  }
  const traceId = await readLetter();
  if (collector === undefined) console.log(`Its trace is ${traceId}: ask the collector for it.`);
  else await showTrace(collector, traceId);
  if (values.once !== true) {
    console.log(`\nA page, the application, REST, gRPC and one page of metrics are at ${address} until Ctrl-C:`);
    console.log(`  ${address}/   ${address}/v1/models   ${address}/monitoring/prometheus/metrics`);
    await Promise.race([sidecar.exited, app.exited, new Promise((stop) => process.once('SIGINT', stop))]);
  }
} finally {
  const status = await sidecar?.stop();
  await app.stop();
  await collector?.close();
  rmSync(directory, { recursive: true, force: true });
  if (sidecar !== undefined) console.log(`\nThe sidecar drained and ended with status ${status}.`);
}
