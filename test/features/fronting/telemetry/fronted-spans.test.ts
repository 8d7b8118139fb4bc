import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { RpcAttributes } from '../../../../src/ledger/tracing/rpc-attributes.ts';
import type {
  AttributeBlock,
  AttributeKey,
  AttributeValue,
  SpanOutput,
  SpanRole,
} from '../../../../src/ledger/tracing/span-output.ts';
import type { TraceContext } from '../../../../src/ledger/tracing/trace-context.ts';
import { parseAppAddress } from '../../../../src/proxy/fronting/app/app-address.ts';
import { FrontedSpans } from '../../../../src/proxy/fronting/telemetry/fronted-spans.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { traceOf } from '../../../support/telemetry-records.ts';
import { type FrontedFacts, frontedRecord } from '../fronted-record.ts';

const REFUSED = new ServingError('app_unavailable', 'the application is not there');

interface MadeSpan {
  readonly context: TraceContext;
  readonly role: SpanRole;
  readonly name: string;
  readonly attributes: Record<string, AttributeValue>;
  /** The text of an error; undefined = there is none. */
  fault: string | undefined;
}

/** Keeps the spans that have ended. */
class KeptSpans implements SpanOutput {
  readonly spans: MadeSpan[] = [];

  startAt(): void {}

  begin(context: TraceContext, role: SpanRole, name: string): void {
    this.spans.push({ context, role, name, attributes: {}, fault: undefined });
  }

  set({ name }: AttributeKey, value: AttributeValue): void {
    this.spans.at(-1)!.attributes[name] = value;
  }

  setAll({ entries }: AttributeBlock): void {
    for (const [key, value] of entries) this.set(key, value);
  }

  addLinks(): void {}

  addEvents(): void {}

  fail(message: string): void {
    this.spans.at(-1)!.fault = message;
  }

  end(): void {}

  child(): void {
    assert.fail('a fronted request has no stages');
  }
}

/** The spans of a record, with a trace unless the facts say otherwise: the server's and the client's. */
function spansOf(facts: FrontedFacts = {}): readonly MadeSpan[] {
  const output = new KeptSpans();
  new FrontedSpans(new FakeClock(), new RpcAttributes({})).make(
    frontedRecord({ trace: traceOf('a'), ...facts }),
    output,
  );
  return output.spans;
}

it('a request has a server span under the caller’s and a client span under that', () => {
  const [server, client, ...others] = spansOf();
  assert.deepEqual(others, []);
  assert.deepEqual([server!.name, server!.role, client!.name, client!.role], ['GET', 'server', 'GET', 'client']);
  const { spanId, traceId } = server!.context;
  assert.equal(spanId, traceOf('a').spanId);
  assert.equal(server!.context.parentSpanId, traceOf('a').parentSpanId);
  assert.deepEqual([client!.context.parentSpanId, client!.context.traceId], [spanId, traceId]);
  assert.deepEqual(server!.attributes, {
    'http.request.method': 'GET',
    'url.scheme': 'http',
    'url.path': '/cart',
    'network.protocol.version': '1.1',
    'inference.request.id': 'mine',
    'network.peer.address': '192.0.2.7',
    'network.peer.port': 1234,
    'server.address': 'shop.example',
    'server.port': 8501,
    'user_agent.original': 'curl/8',
    'http.request.body.size': 5,
    'http.response.body.size': 7,
    'http.response.status_code': 200,
  });
  assert.deepEqual(client!.attributes, {
    'http.request.method': 'GET',
    'network.protocol.version': '1.1',
    'url.full': 'http://127.0.0.1:8080/cart',
    'server.address': '127.0.0.1',
    'server.port': 8080,
    'http.response.status_code': 200,
  });
});

it('a socket file is the address; a method that nobody knows is none in a name', () => {
  const [server, client] = spansOf({
    arrival: { app: parseAppAddress('unix:/run/app.sock'), method: 'PURGE' },
    sends: 2,
  });
  assert.deepEqual([server!.name, client!.name], ['HTTP', 'HTTP']);
  assert.equal(server!.attributes['http.request.method'], '_OTHER');
  assert.equal(server!.attributes['http.request.method_original'], 'PURGE');
  assert.equal(client!.attributes['server.address'], '/run/app.sock');
  assert.equal(client!.attributes['url.full'], undefined);
  assert.equal(client!.attributes['http.request.resend_count'], 1);
});

it('400 is an error to who asks, 500 also of who answers', () => {
  for (const [status, isServerError] of [
    [404, false],
    [500, true],
  ] as const) {
    const [server, client] = spansOf({ status });
    assert.equal(server!.fault !== undefined, isServerError);
    assert.equal(server!.attributes['error.type'], isServerError ? String(status) : undefined);
    assert.notEqual(client!.fault, undefined);
    assert.equal(client!.attributes['error.type'], String(status));
  }
});

it('what was not sent on has no client span; an answer in the application’s place is not of its span', () => {
  const [server, ...none] = spansOf({ error: REFUSED, outcome: 'app_unavailable', sends: 0 });
  assert.deepEqual(none, []);
  assert.deepEqual(
    [server!.attributes['http.response.status_code'], server!.attributes['error.type']],
    [503, 'app_unavailable'],
  );
  assert.equal(server!.fault, 'the application is not there');
  const [, client] = spansOf({ error: REFUSED, outcome: 'app_unavailable' });
  assert.equal(client!.attributes['http.response.status_code'], undefined);
  assert.notEqual(client!.fault, undefined);
});

it('that a client left is no fault of this server’s or of the application’s', () => {
  const [server, client] = spansOf({ outcome: 'client_left', status: undefined });
  assert.equal(server!.fault, undefined);
  assert.equal(server!.attributes['error.type'], 'client_left');
  assert.equal(client!.fault, undefined);
  assert.equal(client!.attributes['error.type'], undefined);
});

const CALL = {
  arrival: { app: parseAppAddress('h2c://[::1]:50051'), route: 'grpc', method: 'POST', target: '/shop.Orders/Get' },
  rpcMethod: 'shop.Orders/Get',
} satisfies FrontedFacts;

it('a call of gRPC is named by its method, and has its status', () => {
  const [server, client] = spansOf({ ...CALL, grpc: { status: 0, message: undefined } });
  assert.deepEqual([server!.name, client!.name], ['shop.Orders/Get', 'shop.Orders/Get']);
  assert.deepEqual(server!.attributes, {
    'rpc.system.name': 'grpc',
    'rpc.method': 'shop.Orders/Get',
    'rpc.status_code': 'OK',
    'network.protocol.version': '1.1',
    'inference.request.id': 'mine',
    'network.peer.address': '192.0.2.7',
    'network.peer.port': 1234,
    'server.address': 'shop.example',
    'server.port': 8501,
    'user_agent.original': 'curl/8',
    'http.request.body.size': 5,
    'http.response.body.size': 7,
  });
  assert.deepEqual(client!.attributes, {
    'rpc.system.name': 'grpc',
    'rpc.method': 'shop.Orders/Get',
    'rpc.status_code': 'OK',
    'network.protocol.version': '1.1',
    'url.full': 'http://[::1]:50051/shop.Orders/Get',
    'server.address': '::1',
    'server.port': 50051,
  });
  assert.deepEqual([server!.fault, client!.fault], [undefined, undefined]);
});

it('a status of gRPC is an error to who asks; of who answers if it is a server’s fault', () => {
  const faults = [2, 4, 12, 13, 14, 15];
  for (let status = 1; status <= 16; status++) {
    const [server, client] = spansOf({ ...CALL, grpc: { status, message: 'm%C3%BCde%' } });
    const name = client!.attributes['rpc.status_code'];
    assert.equal(server!.attributes['rpc.status_code'], name);
    assert.equal(server!.attributes['error.type'], faults.includes(status) ? name : undefined);
    assert.equal(server!.fault, faults.includes(status) ? 'müde%' : undefined);
    assert.equal(client!.attributes['error.type'], name);
    assert.equal(client!.fault, 'müde%');
  }
});

it('a call without a status has an error of its own, and the status that its client makes of it', () => {
  const [server, client] = spansOf({ ...CALL, status: 404, rpcMethod: '_OTHER' });
  assert.equal(server!.name, 'grpc');
  assert.equal(server!.attributes['rpc.method_original'], 'shop.Orders/Get');
  assert.equal(server!.attributes['http.response.status_code'], 404);
  for (const { attributes, fault } of [server!, client!]) {
    assert.equal(attributes['error.type'], 'no_grpc_status');
    assert.equal(attributes['rpc.status_code'], 'UNIMPLEMENTED');
    assert.equal(fault, '');
  }
});

it('a call that this server answered has the kind of the error, and its status', () => {
  const [server, ...none] = spansOf({ ...CALL, error: REFUSED, outcome: 'app_unavailable', sends: 0 });
  assert.deepEqual(none, []);
  assert.equal(server!.attributes['rpc.status_code'], 'UNAVAILABLE');
  assert.equal(server!.attributes['error.type'], 'app_unavailable');
  assert.equal(server!.fault, 'the application is not there');
});

it('what is not sampled has none', () => {
  assert.deepEqual(spansOf({ trace: { ...traceOf('a'), isSampled: false } }), []);
  assert.deepEqual(spansOf({ trace: undefined }), []);
});
