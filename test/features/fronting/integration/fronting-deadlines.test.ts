/** What is left of a client's deadline, at each hop: client → this server → application → this server → model. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, systemClock } from '../../../../src/core/clock.ts';
import { AbandonedIds } from '../../../../src/proxy/fronting/abandoned-ids.ts';
import { FrontedDeadlines } from '../../../../src/proxy/fronting/fronted-deadlines.ts';
import { ModelResolver } from '../../../../src/proxy/handlers/model-resolver.ts';
import { eachEngine as test } from '../../../support/grpc-engines.ts';
import {
  type CallOptions,
  floatRequest,
  type GrpcHarness,
  INFERENCE,
  PREDICTION,
  withGrpc,
} from '../../../support/grpc-harness.ts';
import { JumpClock } from '../../../support/jump-clock.ts';
import { LISTED_SURFACES } from '../../../support/listed-features.ts';
import { echo, never, type PuppetRunner } from '../../../support/puppet-models.ts';
import { FrontedApp } from '../fronted-app.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
/** Passes in no test but where the clock jumps. */
const SENT_MS = 20_000;
/** Longer, so that a deadline which is not carried on fails the test. */
const OWN_MS = 30_000;
const ONE = { name: 'x', datatype: 'FP32', shape: [1] };

/** Both surfaces on one lifecycle and its models, in front of an application. */
interface Servers {
  readonly grpc: GrpcHarness;
  readonly fronted: FrontedApp;
  readonly deadlines: FrontedDeadlines;
  readonly quick: PuppetRunner;
  readonly slow: PuppetRunner;
}

async function withServers(
  use: (servers: Servers) => Promise<void>,
  clock: Clock = systemClock,
  deadlines = new FrontedDeadlines(),
): Promise<void> {
  const runners: PuppetRunner[] = [];
  await withGrpc(
    (models) => runners.push(models.add('m', { behave: echo }), models.add('slow', { behave: never })),
    async (grpc) => {
      const resolver = new ModelResolver(grpc.models);
      const surfaces = LISTED_SURFACES.map((make) => make(grpc.parts));
      const fronted = new FrontedApp({
        server: { lifecycle: grpc.lifecycle, resolver, surfaces },
        front: { clock, deadlines },
      });
      await fronted.start();
      const [quick, slow] = runners as [PuppetRunner, PuppetRunner];
      await use({ grpc, fronted, deadlines, quick, slow }).finally(() => fronted.close());
    },
    { clock, carriedDeadlines: deadlines },
  );
}

type Passed = Readonly<Record<string, string>>;

/** How an application asks a model, with the headers that it passes on; gives the status. */
const WAYS: Readonly<Record<string, (servers: Servers, model: string, headers: Passed) => Promise<number>>> = {
  'TensorFlow Serving over REST': async ({ fronted }, model, headers) => {
    const body = '{"instances":[1]}';
    return (await fetch(`${fronted.url}/v1/models/${model}:predict`, { method: 'POST', headers, body })).status;
  },
  'Open Inference over REST': async ({ fronted }, model, headers) => {
    const body = JSON.stringify({ inputs: [{ ...ONE, data: [1] }] });
    return (await fetch(`${fronted.url}/v2/models/${model}/infer`, { method: 'POST', headers, body })).status;
  },
  'TensorFlow Serving over gRPC': ({ grpc }, model, metadata) =>
    statusOf(grpc, PREDICTION, 'Predict', floatRequest([1], { name: model }), { metadata, deadlineMs: OWN_MS }),
  'Open Inference over gRPC': ({ grpc }, model, metadata) => {
    const request = { model_name: model, inputs: [{ ...ONE, contents: { fp32_contents: [1] } }] };
    return statusOf(grpc, INFERENCE, 'ModelInfer', request, { metadata, deadlineMs: OWN_MS });
  },
};

/** As HTTP would have it. */
async function statusOf(
  grpc: GrpcHarness,
  service: string,
  method: string,
  request: object,
  options: CallOptions,
): Promise<number> {
  try {
    await grpc.call(service, method, request, options);
    return 200;
  } catch (error) {
    return (error as { code: number }).code === 4 ? 504 : 500;
  }
}

/** It has settled after some turns of the event loop. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.finally(() => {
    settled = true;
  });
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

/** Of the headers that came, those that an application passes on. */
function passedOn({ headers }: IncomingMessage, ...names: string[]): Passed {
  return Object.fromEntries(
    names.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]])),
  );
}

/** The application answers with what `ask` gives. */
function answering(fronted: FrontedApp, ask: (request: IncomingMessage) => Promise<number>): void {
  fronted.onRequest = (request: IncomingMessage, response: ServerResponse) => {
    void ask(request).then((status) => response.end(String(status)));
  };
}

const WITH_TRACE = {
  'x-envoy-expected-rq-timeout-ms': String(SENT_MS),
  traceparent: `00-${TRACE}-00f067aa0ba902b7-00`,
};

for (const [way, ask] of Object.entries(WAYS)) {
  test(`${way}: the model has less time than the application, which has no more than the client`, () =>
    withServers(async (servers) => {
      const { grpc, fronted, quick } = servers;
      const times: number[] = [];
      answering(fronted, async (request) => {
        times.push(Number(request.headers['x-envoy-expected-rq-timeout-ms']));
        return ask(servers, 'm', passedOn(request, 'traceparent'));
      });
      const answer = await fetch(`${fronted.url}/app`, { headers: WITH_TRACE });
      assert.equal(await answer.text(), '200');
      const record = await grpc.record(1);
      assert.equal(quick.requests[0]!.context.deadline, record.deadline);
      assert.equal(record.isDeadlineCarried, true);
      times.push(record.deadline - record.stages.startedAt);
      assert.ok(times[0]! <= SENT_MS, `the application has ${times[0]} ms`);
      // Headers have whole milliseconds.
      assert.ok(times[1]! < times[0]! + 1 && times[1]! > 0, `the model has ${times[1]} ms of ${times[0]}`);
    }));

  test(`${way}: a slow model is given up at the client’s deadline`, () => {
    const clock = new JumpClock();
    return withServers(async (servers) => {
      const { grpc, fronted, slow } = servers;
      let asked: Promise<number> | undefined;
      answering(fronted, (request) => {
        asked = ask(servers, 'slow', passedOn(request, 'traceparent'));
        return asked;
      });
      const asking = fetch(`${fronted.url}/app`, { headers: WITH_TRACE });
      await grpc.until(() => slow.runningBatches === 1);
      clock.jump(SENT_MS);
      const answer = await asking;
      assert.equal(answer.status, 504);
      assert.equal(await asked, 504);
      const record = await grpc.record(1);
      assert.equal(record.outcome, 'deadline_exceeded');
      assert.ok(record.deadline - record.stages.startedAt <= SENT_MS);
      assert.equal(slow.runningBatches, 0);
    }, clock);
  });
}

for (const [way, ask] of Object.entries(WAYS)) {
  for (const isRefused of [true, false]) {
    test(`${way}: what an application asks for nobody is ${isRefused ? 'refused' : 'answered'}`, () => {
      const clock = new JumpClock();
      const deadlines = new FrontedDeadlines(isRefused ? new AbandonedIds(clock) : undefined);
      return withServers(
        async (servers) => {
          const { grpc, fronted, quick } = servers;
          const expected = isRefused ? 504 : 200;
          let came: (headers: Passed) => void;
          fronted.onRequest = (request) => came(passedOn(request, 'traceparent', 'x-request-id'));
          const nextHeaders = () => new Promise<Passed>((resolve) => (came = resolve));

          let next = nextHeaders();
          const late = fetch(`${fronted.url}/app`, { headers: WITH_TRACE });
          const headers = await next;
          clock.jump(SENT_MS);
          assert.equal((await late).status, 504);
          assert.equal(await ask(servers, 'm', headers), expected, 'its deadline has passed');

          next = nextHeaders();
          const leaving = new AbortController();
          const left = fetch(`${fronted.url}/app`, { signal: leaving.signal });
          const { 'x-request-id': id } = await next;
          leaving.abort();
          await assert.rejects(left);
          await grpc.until(() => deadlines.size === 0);
          assert.equal(await ask(servers, 'm', { 'x-request-id': id! }), expected, 'its client has left');
          assert.equal(quick.requests.length, isRefused ? 0 : 2);

          fronted.onRequest = (_request, response) => response.end('app');
          await (await fetch(`${fronted.url}/app`, { headers: WITH_TRACE })).text();
          assert.equal(await ask(servers, 'm', headers), 200, 'one of the trace was answered');
        },
        clock,
        deadlines,
      );
    });
  }
}

for (const [way, ask] of Object.entries(WAYS)) {
  test(`${way}: what is under way for a client that leaves is cancelled, but not for one of two`, () => {
    const clock = new JumpClock();
    return withServers(
      async (servers) => {
        const { grpc, fronted, slow, deadlines } = servers;
        const asked: Promise<number>[] = [];
        answering(fronted, (request) => {
          asked.push(ask(servers, 'slow', passedOn(request, 'x-request-id')));
          return asked.at(-1)!;
        });
        const headers = { 'x-request-id': randomUUID() };
        const [first, second] = [new AbortController(), new AbortController()];
        const clients = [first, second].map(({ signal }) => fetch(`${fronted.url}/app`, { headers, signal }));
        await grpc.until(() => slow.runningBatches === 2);
        first.abort();
        await assert.rejects(clients[0]!);
        await grpc.until(() => deadlines.size === 1);
        assert.equal(await isSettled(asked[0]!), false, 'another client of the same id waits');
        assert.equal(slow.runningBatches, 2);
        second.abort();
        await assert.rejects(clients[1]!);
        assert.deepEqual(await Promise.all(asked), way.includes('gRPC') ? [500, 500] : [499, 499]);
        assert.equal(slow.runningBatches, 0);
        assert.equal((await grpc.record(2)).outcome, 'cancelled');
      },
      clock,
      new FrontedDeadlines(new AbandonedIds(clock)),
    );
  });
}

const ask = WAYS['TensorFlow Serving over REST']!;

test('without a trace the request’s id carries the deadline, ours or a random one of the client’s', () =>
  withServers(async (servers) => {
    const { grpc, fronted } = servers;
    answering(fronted, (request) => ask(servers, 'm', passedOn(request, 'x-request-id', 'traceparent')));
    const carried = async (headers: Passed): Promise<boolean | undefined> => {
      await (await fetch(`${fronted.url}/app`, { headers: { 'request-timeout': '20', ...headers } })).text();
      return grpc.records.at(-1)!.isDeadlineCarried;
    };
    assert.equal(await carried({}), true);
    assert.equal(await carried({ 'x-request-id': randomUUID() }), true);
    assert.equal(await carried({ 'x-request-id': '17' }), false);
  }));

test('what is asked without an open request, or after its answer has begun, keeps its own deadline', () =>
  withServers(async (servers) => {
    const { grpc, fronted, deadlines } = servers;
    const passed = { traceparent: WITH_TRACE.traceparent };
    assert.equal(await ask(servers, 'm', passed), 200);
    assert.equal((await grpc.record(1)).isDeadlineCarried, false);
    let more: (() => void) | undefined;
    fronted.onRequest = (_request, response) => {
      response.write('a');
      more = () => response.end();
    };
    const answer = await fetch(`${fronted.url}/app`, { headers: WITH_TRACE });
    assert.ok(deadlines.size > 0);
    assert.equal(await ask(servers, 'm', passed), 200);
    assert.equal((await grpc.record(2)).isDeadlineCarried, false);
    more!();
    await answer.text();
    await grpc.until(() => deadlines.size === 0);
  }));
