/**
 * npm run demo: the main job on real input. Sets up what is missing, starts the sidecar on examples/digits, reads
 * held-out scans over REST and gRPC at the same time, shows what came back, the batches that formed, a refused
 * deadline and one request's trace; then ends. `npm run demo -- --keep` leaves the sidecar running. `npm run demo -- text`
 * is another: a search by meaning over the project's pages.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, root, say } from './lib/setup.mjs';

ensureBuilt();
// These are imported after the packages are there.
const { startOtlpReceiver } = await import('./demo/otlp-receiver.mjs');
const { startSidecar } = await import('./demo/sidecar-process.mjs');
const { openClients, REFUSED_TIMEOUT_SECONDS } = await import('./demo/clients.mjs');
const { attribute, renderScans, renderTrace } = await import('./demo/render.mjs');

const keep = process.argv.includes('--keep');
if (process.argv.includes('text')) {
  const { demoText } = await import('./demo/text.mjs');
  await demoText(keep);
  process.exit();
}
const STAGES = ['receive', 'decode', 'admit', 'queue', 'batch', 'execute', 'split', 'encode'];

function showPredictions(scans, answers) {
  const cards = scans.map(({ pixels, label }, i) => {
    const { digit, probabilities } = answers[i];
    const isRight = digit === label ? '' : ` (is ${label})`;
    return { pixels, caption: `${digit}${isRight} ${(100 * probabilities[digit]).toFixed(0)} %` };
  });
  const half = scans.length / 2;
  console.log(`\nRead over REST, the model's answer and its probability under each scan:\n`);
  console.log(renderScans(cards.slice(0, half), 6));
  console.log('Read over gRPC at the same time:\n');
  console.log(renderScans(cards.slice(half), 6));
  const right = answers.filter((answer, i) => answer.digit === scans[i].label).length;
  console.log(`${right} of ${scans.length} as their writers meant them.\n`);
}

/** Each batch is a span: all are here when their rows are all the rows that were sent. */
async function showBatches(collector, rows) {
  const sizes = await collector.until((spans) => {
    const batches = spans.filter((span) => span.name === 'inference.batch');
    const found = batches.map((batch) => Number(attribute(batch, 'inference.batch.rows')));
    return found.reduce((sum, size) => sum + size, 0) >= rows ? found : undefined;
  });
  console.log(
    `${rows} requests of one row went through the model in ${sizes.length} batches, of ${sizes.join(', ')} rows.`,
  );
}

async function showRefusal(clients, scan) {
  const { status, error } = await clients.refused(scan);
  console.log(
    `\nA request that allows ${REFUSED_TIMEOUT_SECONDS * 1e6} µs is refused at once, and no model runs for it:`,
  );
  console.log(`  ${status} ${error}\n`);
}

/** A batch's span lies in the trace of one of its members: one of these traces is shown, with its batch. */
async function showTrace(collector, traceIds) {
  const isWhole = (trace) => {
    const names = new Set(trace.map((span) => span.name));
    return STAGES.every((stage) => names.has(stage)) && names.has('inference.batch');
  };
  const spans = await collector.until((all) =>
    traceIds.map((traceId) => all.filter((span) => span.traceId === traceId)).find(isWhole),
  );
  console.log("One request's trace (start and duration in ms), as a collector received it over OTLP:\n");
  console.log(renderTrace(spans));
}

const scans = JSON.parse(readFileSync(join(root, 'examples', 'digits', 'scans.json'), 'utf8'));
const collector = await startOtlpReceiver();
say('Starting the sidecar on examples/digits');
const sidecar = await startSidecar(
  ['--model=digits=examples/digits/models/digits', '--port=0', '--rest_api_port=0', '--admin_port=0'],
  {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '100',
  },
);
const clients = await openClients(sidecar.addresses);
try {
  const half = scans.length / 2;
  const answers = await Promise.all(scans.map((scan, i) => (i < half ? clients.rest(scan) : clients.grpc(scan))));
  showPredictions(scans, answers);
  await showBatches(collector, scans.length);
  await showRefusal(clients, scans[0]);
  await showTrace(collector, answers.map((answer) => answer.traceId).reverse());
} finally {
  clients.close();
  if (!keep) {
    const status = await sidecar.stop();
    await collector.close();
    console.log(`\nThe sidecar drained and ended with status ${status}.`);
  }
}
if (keep) {
  console.log(`\nThe sidecar stays up (Ctrl-C ends it): REST ${clients.restUrl}  gRPC ${sidecar.addresses.grpc[0]}`);
  console.log(
    `  curl -d '${JSON.stringify({ instances: [scans[0].pixels] })}' ${clients.restUrl}/v1/models/digits:predict`,
  );
  process.on('SIGINT', () => sidecar.child.kill('SIGINT'));
  process.exitCode = await sidecar.exited;
  await collector.close();
}
