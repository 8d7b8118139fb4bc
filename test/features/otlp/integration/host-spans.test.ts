/** What a trace shows of a batch that ran outside the sidecar's own thread, and what of the log it is tied to. */
import assert from 'node:assert/strict';
import process from 'node:process';
import { afterEach, it } from 'node:test';
import { modelProcesses } from '../../../support/child-processes.ts';
import { fakeModelFlag, WHEN } from '../../../support/fake-model.ts';
import { type OtlpReceiver, type ReceivedSpan, startHttpReceiver } from '../../../support/otlp-receiver.ts';
import { killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { until } from '../../../support/turns.ts';

afterEach(killSidecars);

const CALLER = 'b'.repeat(16);
/** Wall time of a span is rounded to the nanosecond at both of its ends. */
const ROUNDING_NS = 2000n;
const DAWDLE_NS = 9_000_000n;

for (const [host, keys] of [
  ['a thread', ',host=thread'],
  ['a process', ',host=process'],
  ['a process that is shared', ',process_group=g'],
] as const) {
  it(`a batch in ${host} is copied in, run and copied out under its span, on the clock of the sidecar`, async (t) => {
    const receiver = await startHttpReceiver();
    t.after(() => receiver.close());
    const sidecar = await startTraced(receiver, fakeModelFlag(t, 'm', keys));
    assert.equal(await predict(sidecar, 'a'.repeat(32), WHEN.dawdle), 200);
    assert.equal(await sidecar.stop(), 0);
    const spans = receiver.spans.filter(({ traceId }) => traceId === 'a'.repeat(32));
    const batch = spans.find(({ name }) => name === 'inference.batch')!;
    const parts = ['copy-in', 'run', 'copy-out'].map((name) => spans.find((span) => span.name === name)!);
    for (const part of parts) assert.equal(part.parentSpanId, batch.spanId);
    const [copyIn, run, copyOut] = parts.map(timesOf) as [Times, Times, Times];
    const execute = timesOf(spans.find(({ name }) => name === 'execute')!);
    for (const [one, other] of [
      [execute.start, copyIn.start],
      [copyIn.end, run.start],
      [run.end, copyOut.start],
      [copyOut.end, execute.end],
    ] as const) {
      assert.ok(one - other < ROUNDING_NS && other - one < ROUNDING_NS, `${one} and ${other}`);
    }
    // It sleeps for ten milliseconds in there, and nowhere else.
    assert.ok(run.end - run.start > DAWDLE_NS);
  });
}

it('what a process prints in a traced run, and that it was lost in one, has the trace in the log', async (t) => {
  const receiver = await startHttpReceiver();
  t.after(() => receiver.close());
  const sidecar = await startTraced(receiver, fakeModelFlag(t, 'm', ',isolate=true'));
  const traceId = 'd'.repeat(32);
  const moaning = predict(sidecar, traceId, WHEN.moan);
  const output = 'I cannot go on';
  await until(() => sidecar.lines.some((line) => line['output'] === output));
  assert.equal(sidecar.lines.find((line) => line['output'] === output)!['trace_id'], traceId);
  process.kill(modelProcesses(sidecar.process.pid!)[0]!, 'SIGKILL');
  assert.equal(await moaning, 503);
  const lost = await sidecar.line(({ msg }) => msg === 'worker lost');
  assert.equal(lost['trace_id'], traceId);
  assert.equal(await sidecar.stop(), 0);
});

interface Times {
  readonly start: bigint;
  readonly end: bigint;
}

function timesOf({ startTimeUnixNano, endTimeUnixNano }: ReceivedSpan): Times {
  return { start: BigInt(startTimeUnixNano), end: BigInt(endTimeUnixNano) };
}

function startTraced({ endpoint }: OtlpReceiver, flag: string): Promise<Sidecar> {
  return startSidecar([flag], {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  });
}

async function predict({ rest }: Sidecar, traceId: string, x: number): Promise<number> {
  const headers = { traceparent: `00-${traceId}-${CALLER}-01` };
  const body = JSON.stringify({ instances: [x] });
  return (await fetch(`${rest}/v1/models/m:predict`, { method: 'POST', headers, body })).status;
}
