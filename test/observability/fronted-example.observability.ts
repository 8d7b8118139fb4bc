/** The one command of examples/fronted, to its end: what it answers, and the trace of that in a Jaeger. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { type JaegerSpan, startJaeger } from './jaeger.ts';
import { freePorts } from './program.ts';

/** From the sidecar that the caller asks to the run, each the child of the one before. */
const CHAIN = ['POST', 'POST', 'Predict digits', 'inference.batch', 'run'];

/** What the command prints until it ends, which must be well. */
async function runExample(t: TestContext, args: readonly string[]): Promise<string> {
  const [port] = await freePorts(1);
  const command = ['examples/fronted/run.mjs', '--once', `--port=${port}`, ...args];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill());
  const printed: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => printed.push(text));
  const status = await new Promise((resolve) => child.once('close', resolve));
  const text = printed.join('');
  assert.equal(status, 0, text);
  assert.match(text, /POST .*\/codes .*\n {2}200 \{"code":"01267","sure":0\.\d+\}/);
  assert.match(text, /The sidecar drained and ended with status 0/);
  return text;
}

/** The chain as far as it is there. */
function chainIn(spans: readonly JaegerSpan[]): readonly JaegerSpan[] {
  const chain: JaegerSpan[] = [];
  for (const name of CHAIN) {
    const above = chain.at(-1)?.id;
    const next = spans.find(
      (span) =>
        span.name === name &&
        (above === undefined ? !spans.some(({ id }) => id === span.parent) : span.parent === above),
    );
    if (next === undefined) break;
    chain.push(next);
  }
  return chain;
}

test('examples/fronted reads a code, and its trace goes from the caller by the application to the batch', async (t) => {
  const jaeger = await startJaeger(t);
  const text = await runExample(t, [`--otlp=${jaeger.otlpHttp}`]);
  const [, traceId] = /Its trace is ([0-9a-f]{32})/.exec(text)!;
  const spans = await jaeger.trace(traceId!, (all) => chainIn(all).length === CHAIN.length);
  const [request, , predict, batch] = chainIn(spans);
  // The caller's own span is nowhere: the request is below it all the same.
  assert.match(request!.parent!, /^[0-9a-f]{16}$/);
  assert.equal(request!.tags['http.response.status_code'], 200);
  assert.equal(predict!.tags['inference.deadline_source'], 'fronted_request');
  assert.equal(batch!.tags['inference.batch.rows'], 5);
});

for (const store of ['jaeger', 'zipkin']) {
  test(`examples/fronted --${store} prints the trace as that has it, and where it is`, async (t) => {
    const text = await runExample(t, [`--${store}`]);
    const tree =
      / POST .*\n +└─ POST .*\n +└─ Predict digits .*\n(?: .*\n)*? +[├└]─ inference\.batch .*\n(?: .*\n)*? .*[├└]─ run /i;
    assert.match(text, tree);
    assert.match(text, /The trace is at http:\/\/127\.0\.0\.1:\d+\/(?:api|zipkin)\/traces\/[0-9a-f]{32}/);
  });
}
