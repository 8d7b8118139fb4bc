/** An admin server of which nothing is there but what a test gives it, and how to ask it. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { get, type IncomingMessage } from 'node:http';
import type { TestContext } from 'node:test';
import { AdminServer, type AdminServerOptions } from '../../src/admin/admin-server.ts';
import { ArrivalsEndpoint } from '../../src/admin/arrivals-endpoint.ts';
import { ProfileEndpoint } from '../../src/admin/profile/profile-endpoint.ts';
import { RecordEndpoint } from '../../src/admin/record-endpoint.ts';
import { RequestsEndpoint } from '../../src/admin/requests-endpoint.ts';
import { ReadinessGate } from '../../src/proxy/readiness.ts';
import { ArrivalRing } from '../../src/telemetry/recent/arrival-ring.ts';
import { FakeClock } from './fake-clock.ts';
import { TestRecorder } from './flight-recorder.ts';

export type AskAdmin = (path: string, headers?: Record<string, string>) => Promise<IncomingMessage>;

/** Listens until the test ends. `path` begins with a slash. */
export async function startAdmin(t: TestContext, options: Partial<AdminServerOptions>): Promise<AskAdmin> {
  const clock = new FakeClock();
  const nothing = (): never => assert.fail('not asked in this test');
  const server = new AdminServer({
    readiness: new ReadinessGate(),
    waitsFor: () => [],
    models: () => ({}),
    headroom: () => ({}),
    serverInfo: () => ({}),
    configDump: () => ({}),
    log: { level: 'info', setLevel: nothing },
    callers: () => ({}),
    metrics: nothing,
    record: new RecordEndpoint({ clock, taps: undefined as never, counters: undefined as never, models: nothing }),
    profile: new ProfileEndpoint({ profiler: { take: nothing }, models: nothing }),
    arrivals: new ArrivalsEndpoint({ ring: new ArrivalRing(0), clock }),
    requests: new RequestsEndpoint({ recorder: new TestRecorder(), clock }),
    onInternalError: assert.ifError,
    ...options,
  });
  const port = await server.listen(0);
  t.after(() => server.close());
  return (path, headers = {}) =>
    new Promise((resolve, reject) => {
      get(`http://127.0.0.1:${port}${path}`, { headers, agent: false }, resolve).once('error', reject);
    });
}

export async function bodyOf(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
