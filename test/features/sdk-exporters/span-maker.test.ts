import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import * as tracing from '@opentelemetry/sdk-trace-base';
import { type ErrorKind, ServingError } from '../../../src/core/errors.ts';
import type { ServedNamesOptions } from '../../../src/features/otlp/attributes/served-names.ts';
import { SpanMaker } from '../../../src/features/otlp/span-maker.ts';
import { PresetIds, SdkSpans } from '../../../src/features/sdk-exporters/sdk-spans.ts';
import type { RequestLine, RequestRecord } from '../../../src/ledger/request-record.ts';
import { STAGE_ADMIT, STAGE_DECODE, STAGE_ENCODE, STAGES, StageClock } from '../../../src/ledger/stage-clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { batchRecord, fullStages, requestRecord, traceOf } from '../../support/telemetry-records.ts';
import { spanAttributes } from '../otlp/span-attributes.ts';

type Span = tracing.ReadableSpan;

function spanMaker(env: Record<string, string> = {}, options: ServedNamesOptions = {}) {
  const exporter = new tracing.InMemorySpanExporter();
  const ids = new PresetIds();
  const provider = new tracing.BasicTracerProvider({
    idGenerator: ids,
    spanProcessors: [new tracing.SimpleSpanProcessor(exporter)],
  });
  const clock = new FakeClock();
  const output = new SdkSpans({ tracer: provider.getTracer('test'), ids });
  const maker = new SpanMaker({ output, clock, attributes: spanAttributes(env, options) });
  const makeRequestSpans = (record: RequestRecord): void => maker.makeRequestSpans(record, record.trace!);
  const spans = (): Span[] => exporter.getFinishedSpans();
  const named = (name: string): Span => {
    const span = spans().find((each) => each.name === name);
    assert.ok(span, `no span ${name} among ${spans().map((each) => each.name)}`);
    return span;
  };
  return { maker, makeRequestSpans, clock, spans, named };
}

/** In ms after the fake clock's monotonic 0. */
function timesOf(span: Span, clock: FakeClock): readonly [start: number, end: number] {
  const ms = ([seconds, nanos]: readonly [number, number]): number => seconds * 1000 - clock.wallOffsetMs + nanos / 1e6;
  return [ms(span.startTime), ms(span.endTime)];
}

function refused(kind: ErrorKind) {
  const error = new ServingError(kind, 'why', { attributes: { stage: 'queue' } });
  return { outcome: kind, error, trace: traceOf('a') };
}

it('a request that another model answered says whose place it took, and when', () => {
  const { makeRequestSpans, named, clock } = spanMaker();
  const fallback = { asked: 'large', reason: 'fallback', at: 120 } as const;
  makeRequestSpans(requestRecord({ trace: traceOf('a'), fallback }));
  const { attributes, events } = named('Predict digits');
  assert.equal(attributes['inference.model.name'], 'digits');
  assert.equal(attributes['inference.model.requested'], 'large');
  assert.equal(attributes['inference.alternate.reason'], 'fallback');
  assert.deepEqual(
    events.map(({ name, time, attributes: of }) => [name, time[0] * 1000 - clock.wallOffsetMs + time[1] / 1e6, of]),
    [
      [
        'inference.alternate',
        120,
        {
          'inference.model.requested': 'large',
          'inference.model.name': 'digits',
          'inference.model.version': '3',
          'inference.alternate.reason': 'fallback',
        },
      ],
    ],
  );
});

it('a request that was run again apart from others says when its batch failed, and how', () => {
  const { makeRequestSpans, named } = spanMaker();
  const isolation = { at: 118, kind: 'backend_failed', tasks: 4 } as const;
  makeRequestSpans(requestRecord({ trace: traceOf('a'), isolation }));
  assert.deepEqual(
    named('Predict digits').events.map(({ name, attributes }) => [name, attributes]),
    [['inference.isolate', { 'error.type': 'backend_failed', 'inference.batch.tasks': 4 }]],
  );
});

it('a request says whether its deadline is that of the request that it is for', () => {
  for (const [isDeadlineCarried, expected] of [
    [true, 'fronted_request'],
    [false, undefined],
  ] as const) {
    const { makeRequestSpans, named } = spanMaker();
    makeRequestSpans(requestRecord({ trace: traceOf('a'), isDeadlineCarried }));
    assert.equal(named('Predict digits').attributes['inference.deadline_source'], expected);
  }
});

it('a request says how the cache of its model has served it', () => {
  const { makeRequestSpans, named } = spanMaker();
  makeRequestSpans(requestRecord({ trace: traceOf('a'), cache: 'hit' }));
  assert.equal(named('Predict digits').attributes['inference.cache'], 'hit');
});

it('each step of an ensemble has a span below the request, with its stages and a link to its batch', () => {
  const { makeRequestSpans, named, spans, clock } = spanMaker();
  const batch = batchRecord({ trace: { ...traceOf('a'), spanId: 'b'.repeat(16) } });
  const trace = { ...traceOf('a'), spanId: 'c'.repeat(16), parentSpanId: 'a'.repeat(16) };
  const inner = { ...traceOf('a'), spanId: 'd'.repeat(16), parentSpanId: trace.spanId };
  const of = { version: '2', signatureName: 's', stages: fullStages() };
  makeRequestSpans(
    requestRecord({
      trace: traceOf('a'),
      steps: [
        {
          ...{ ...of, model: 'detect', trace, outcome: 'ok', batch, cache: 'miss' },
          steps: [{ ...of, model: 'inner', trace: inner, outcome: 'backend_failed', batch: undefined }],
        },
      ],
    }),
  );
  const step = named('step detect');
  assert.deepEqual(timesOf(step, clock), [100, 136]);
  assert.equal(step.spanContext().spanId, trace.spanId);
  assert.equal(step.parentSpanContext?.spanId, 'a'.repeat(16));
  assert.equal(step.attributes['inference.model.version'], '2');
  assert.equal(step.attributes['inference.cache'], 'miss');
  assert.deepEqual(
    step.links.map(({ context }) => context.spanId),
    ['b'.repeat(16)],
  );
  const below = spans().filter((span) => span.parentSpanContext?.spanId === trace.spanId);
  assert.ok(below.some(({ name }) => name === 'execute'));
  assert.ok(below.some(({ name }) => name === 'step inner'));
  const failed = named('step inner');
  assert.equal(failed.status.code, SpanStatusCode.ERROR);
  assert.equal(failed.attributes['error.type'], 'backend_failed');
});

describe("a request's spans", () => {
  it('are a server span with the ids of its context and one child for each stage', () => {
    const { makeRequestSpans, clock, spans, named } = spanMaker();
    makeRequestSpans(requestRecord({ trace: traceOf('a') }));
    assert.deepEqual(
      spans().map((span) => span.name),
      ['Predict digits', ...STAGES],
    );
    const root = named('Predict digits');
    assert.equal(root.kind, SpanKind.SERVER);
    assert.equal(root.spanContext().traceId, 'a'.repeat(32));
    assert.equal(root.spanContext().spanId, 'a'.repeat(16));
    assert.equal(root.parentSpanContext, undefined);
    assert.deepEqual(timesOf(root, clock), [100, 136]);
    const stages = spans().slice(1);
    for (const span of stages) {
      assert.equal(span.spanContext().traceId, root.spanContext().traceId);
      assert.equal(span.parentSpanContext?.spanId, root.spanContext().spanId);
      assert.equal(span.kind, SpanKind.INTERNAL);
    }
    assert.equal(new Set(spans().map((span) => span.spanContext().spanId)).size, 9);
  });

  it('lie end to end from the first stage to the last', () => {
    const { makeRequestSpans, clock, spans } = spanMaker();
    makeRequestSpans(requestRecord({ trace: traceOf('a') }));
    const times = spans()
      .slice(1)
      .map((span) => timesOf(span, clock));
    assert.deepEqual(times, [
      [100, 101],
      [101, 103],
      [103, 106],
      [106, 110],
      [110, 115],
      [115, 121],
      [121, 128],
      [128, 136],
    ]);
  });

  it("stand under the caller's span, with its tracestate", () => {
    const { makeRequestSpans, named } = spanMaker();
    makeRequestSpans(requestRecord({ trace: { ...traceOf('a', 'c'.repeat(16)), traceState: 'vendor=1' } }));
    const root = named('Predict digits');
    assert.equal(root.parentSpanContext?.spanId, 'c'.repeat(16));
    assert.equal(root.parentSpanContext?.isRemote, true);
    assert.equal(root.spanContext().traceId, 'a'.repeat(32));
    assert.equal(root.spanContext().traceState?.serialize(), 'vendor=1');
  });

  it('leave out stages that were skipped or never reached', () => {
    const { makeRequestSpans, spans } = spanMaker();
    const status = new StageClock(100);
    status.enter(STAGE_DECODE, 101);
    status.enter(STAGE_ENCODE, 102);
    status.finish(103);
    makeRequestSpans(requestRecord({ stages: status, method: 'GetModelStatus', trace: traceOf('a') }));
    const failed = new StageClock(200);
    failed.enter(STAGE_ADMIT, 201);
    failed.finish(201);
    makeRequestSpans(requestRecord({ ...refused('model_not_found'), stages: failed, model: '' }));
    assert.deepEqual(
      spans().map((span) => span.name),
      ['GetModelStatus digits', 'receive', 'decode', 'encode', 'Predict', 'receive', 'admit'],
    );
  });

  it('say what was asked, by whom and of which model', () => {
    const { makeRequestSpans, named } = spanMaker();
    makeRequestSpans(requestRecord({ trace: traceOf('a'), batch: batchRecord() }));
    assert.deepEqual(named('Predict digits').attributes, {
      'rpc.system.name': 'grpc',
      'rpc.method': 'tensorflow.serving.PredictionService/Predict',
      'rpc.status_code': 'OK',
      'inference.request.id': 'request-1',
      'network.peer.address': '10.1.2.3',
      'network.peer.port': 50123,
      'inference.model.name': 'digits',
      'inference.model.version': '3',
      'inference.model.signature': 'serving_default',
      'inference.request.rows': 2,
      'inference.request.bytes': 640,
      'inference.response.bytes': 80,
      'inference.deadline_ms': 1000,
      'inference.batch.rows': 5,
      'inference.batch.size': 8,
    });
  });

  it('have the names that were before, too, if OTEL_SEMCONV_STABILITY_OPT_IN says rpc/dup', () => {
    const named = (optIn: string) => {
      const made = spanMaker({ OTEL_SEMCONV_STABILITY_OPT_IN: optIn });
      made.makeRequestSpans(requestRecord({ ...refused('overloaded') }));
      const entries = Object.entries(made.named('Predict digits').attributes);
      return Object.fromEntries(entries.filter(([name]) => name.startsWith('rpc.')));
    };
    const stable = {
      'rpc.system.name': 'grpc',
      'rpc.method': 'tensorflow.serving.PredictionService/Predict',
      'rpc.status_code': 'RESOURCE_EXHAUSTED',
    };
    for (const optIn of ['', 'rpc', 'http/dup', 'rpc/duplicate']) assert.deepEqual(named(optIn), stable, optIn);
    for (const optIn of ['rpc/dup', 'http, rpc/dup ,rpc']) {
      assert.deepEqual(named(optIn), {
        ...stable,
        'rpc.system': 'grpc',
        'rpc.service': 'tensorflow.serving.PredictionService',
        'rpc.grpc.status_code': 8,
      });
    }
  });

  it('have no method that this server is not known to have', () => {
    const { makeRequestSpans, named } = spanMaker();
    makeRequestSpans(requestRecord({ trace: traceOf('a'), method: 'unknown' }));
    assert.equal(named('unknown digits').attributes['rpc.method'], '_OTHER');
  });

  it('have an error over gRPC where its status is a server’s fault, whatever it is over HTTP', () => {
    const { makeRequestSpans, named } = spanMaker();
    makeRequestSpans(requestRecord({ ...refused('method_not_allowed') }));
    makeRequestSpans(requestRecord({ ...refused('method_not_allowed'), surface: 'rest', model: 'm' }));
    assert.equal(named('Predict digits').status.code, SpanStatusCode.ERROR);
    assert.equal(named('Predict m').status.code, SpanStatusCode.UNSET);
  });

  it('use HTTP names for REST, and cut what a caller can make long', () => {
    const { makeRequestSpans, named } = spanMaker();
    const changes = { ...refused('overloaded'), surface: 'rest', id: 'x'.repeat(9000), peer: '[::1]:80' } as const;
    makeRequestSpans(requestRecord({ ...changes, deadline: Infinity }));
    const { attributes } = named('Predict digits');
    assert.equal(attributes['http.request.method'], 'POST');
    assert.equal(attributes['http.response.status_code'], 429);
    assert.equal(attributes['url.scheme'], 'http');
    assert.equal(attributes['url.path'], undefined);
    assert.equal(attributes['network.peer.address'], '::1');
    assert.equal(String(attributes['inference.request.id']).length, 512);
    assert.equal(attributes['inference.deadline_ms'], undefined);
    assert.equal(attributes['error.type'], 'overloaded');
    assert.equal(attributes['inference.error.stage'], 'queue');
    assert.equal(attributes['inference.error.message'], 'why');
  });

  it('say what a request over REST asked for, and of which route', () => {
    const spanOf = (line: RequestLine, changes: Partial<RequestRecord> = {}, options: ServedNamesOptions = {}) => {
      const { makeRequestSpans, named } = spanMaker({}, options);
      makeRequestSpans(requestRecord({ surface: 'rest', trace: traceOf('a'), line, ...changes }));
      return named('Predict digits').attributes;
    };
    const asked = (url: string, method = 'POST'): RequestLine => ({ method, url, httpVersion: '1.1' });
    const attributes = spanOf(asked('/v1/models/digits/versions/3:predict?key=hidden'), { userAgent: 'curl/8' });
    assert.equal(attributes['url.path'], '/v1/models/digits/versions/3:predict');
    assert.equal(attributes['http.route'], '/v1/models/{model}/versions/{version}:predict');
    assert.equal(attributes['http.request.method'], 'POST');
    assert.equal(attributes['network.protocol.version'], '1.1');
    assert.equal(attributes['user_agent.original'], 'curl/8');
    assert.ok(!JSON.stringify(attributes).includes('hidden'));

    assert.equal(spanOf(asked('/v1/models/digits', 'HEAD'))['http.route'], '/v1/models/{model}');
    assert.equal(spanOf(asked('http://h/v1/models/digits/metadata', 'GET'))['url.path'], '/v1/models/digits/metadata');
    for (const line of [asked('/v1/models/digits:predict', 'GET'), asked('/nowhere'), asked('*', 'OPTIONS')]) {
      assert.equal(spanOf(line)['http.route'], undefined, line.url);
    }
    const odd = spanOf(asked('/v1/models/digits:predict', 'BREW'));
    assert.deepEqual([odd['http.request.method'], odd['http.request.method_original']], ['_OTHER', 'BREW']);
    const below = { restPrefix: '/ml', isRestTls: true };
    const prefixed = spanOf(asked('/ml/v1/models/digits:predict'), {}, below);
    assert.deepEqual([prefixed['http.route'], prefixed['url.scheme']], ['/ml/v1/models/{model}:predict', 'https']);
    const http2 = { ...asked('/v1/models/digits:predict'), httpVersion: '2' };
    assert.equal(spanOf(http2, {}, { isGrpcTls: true })['url.scheme'], 'https');
    assert.equal(spanOf(http2, {}, { isRestTls: true })['network.protocol.version'], '2');
    const beside = spanOf(asked('/v1/models/digits:predict'), { peer: 'unix' }, below);
    assert.deepEqual([beside['http.route'], beside['url.scheme']], [undefined, 'http']);
  });

  it('have the address of a peer as it is, and IPv4 as IPv4', () => {
    const of = (peer: string) => {
      const { makeRequestSpans, named } = spanMaker();
      makeRequestSpans(requestRecord({ trace: traceOf('a'), peer }));
      const { attributes } = named('Predict digits');
      return [attributes['network.peer.address'], attributes['network.peer.port']];
    };
    assert.deepEqual(of('10.1.2.3:80'), ['10.1.2.3', 80]);
    assert.deepEqual(of('[2001:db8::5]:80'), ['2001:db8::5', 80]);
    assert.deepEqual(of('[::ffff:10.1.2.3]:80'), ['10.1.2.3', 80]);
    // REST knows the address alone.
    assert.deepEqual(of('::ffff:10.1.2.3'), ['10.1.2.3', undefined]);
    assert.deepEqual(of('2001:db8::5'), ['2001:db8::5', undefined]);
    assert.deepEqual(of('::1'), ['::1', undefined]);
    assert.deepEqual(of('unix'), ['unix', undefined]);
  });

  const statuses: readonly (readonly [kind: ErrorKind, isError: boolean])[] = [
    ['invalid_request', false],
    ['model_not_found', false],
    ['overloaded', false],
    ['cancelled', false],
    ['deadline_exceeded', true],
    ['model_not_ready', true],
    ['backend_failed', true],
    ['internal', true],
  ];
  for (const [kind, isError] of statuses) {
    it(`have ${isError ? 'an error' : 'no'} status after ${kind}`, () => {
      const { makeRequestSpans, named } = spanMaker();
      makeRequestSpans(requestRecord(refused(kind)));
      const { status } = named('Predict digits');
      assert.deepEqual(
        status,
        isError ? { code: SpanStatusCode.ERROR, message: 'why' } : { code: SpanStatusCode.UNSET },
      );
    });
  }

  it('keep to one wall clock although it ticks in whole ms, and follow it where it is set', () => {
    const { makeRequestSpans, clock, spans } = spanMaker();
    makeRequestSpans(requestRecord({ trace: traceOf('a') }));
    clock.wallOffsetMs += 0.9;
    makeRequestSpans(requestRecord({ trace: traceOf('b') }));
    clock.wallOffsetMs += 60_000;
    makeRequestSpans(requestRecord({ trace: traceOf('c') }));
    const [first, second, third] = spans().filter((span) => span.kind === SpanKind.SERVER);
    assert.deepEqual(second?.startTime, first?.startTime);
    assert.equal((third?.startTime[0] ?? 0) - (first?.startTime[0] ?? 0), 60);
  });
});

describe("a batch's spans", () => {
  const owner = traceOf('a');
  const mate = traceOf('b');
  const trace = { ...owner, spanId: 'd'.repeat(16), parentSpanId: owner.spanId };

  it("are one below the first member, linked to every other, and the runtime's under it", () => {
    const { maker, clock, spans, named } = spanMaker();
    maker.makeBatchSpans(batchRecord({ members: [owner, mate], trace }));
    assert.deepEqual(
      spans().map((span) => span.name),
      ['inference.batch', 'copy-in', 'run', 'copy-out'],
    );
    const batch = named('inference.batch');
    assert.equal(batch.spanContext().traceId, owner.traceId);
    assert.equal(batch.spanContext().spanId, trace.spanId);
    assert.equal(batch.parentSpanContext?.spanId, owner.spanId);
    assert.equal(batch.parentSpanContext?.isRemote, false);
    assert.deepEqual(
      batch.links.map((link) => [link.context.traceId, link.context.spanId]),
      [[mate.traceId, mate.spanId]],
    );
    assert.deepEqual(timesOf(batch, clock), [110, 122]);
    const run = named('run');
    assert.equal(run.parentSpanContext?.spanId, trace.spanId);
    assert.deepEqual(timesOf(run, clock), [116, 120]);
    for (const [name, times] of [
      ['copy-in', [115, 116]],
      ['copy-out', [120, 121]],
    ] as const) {
      assert.equal(named(name).parentSpanContext?.spanId, trace.spanId);
      assert.deepEqual(timesOf(named(name), clock), times);
    }
  });

  it("are linked from each member's execute span, and from no other", () => {
    const { makeRequestSpans, spans } = spanMaker();
    const batch = batchRecord({ members: [owner, mate], trace });
    for (const member of [owner, mate]) makeRequestSpans(requestRecord({ trace: member, batch }));
    const linked = spans().filter((span) => span.links.length > 0);
    assert.deepEqual(
      linked.map((span) => [span.name, span.spanContext().traceId, span.links[0]?.context.spanId]),
      [
        ['execute', owner.traceId, trace.spanId],
        ['execute', mate.traceId, trace.spanId],
      ],
    );
  });

  it('say how large it was, what it ran on and why it left', () => {
    const { maker, named } = spanMaker();
    maker.makeBatchSpans(batchRecord({ members: [owner], trace, threads: 2 }));
    assert.deepEqual(named('inference.batch').attributes, {
      'inference.batch.tasks': 2,
      'inference.batch.rows': 5,
      'inference.batch.size': 8,
      'inference.batch.padding': 3,
      'inference.batch.threads': 2,
      'inference.batch.dispatch_reason': 'slot_free',
      'inference.batch.run_ms': 4,
      'inference.model.name': 'digits',
      'inference.model.version': '3',
      'inference.model.signature': 'serving_default',
    });
  });

  it('have no copies where nothing was copied', () => {
    const { maker, spans } = spanMaker();
    maker.makeBatchSpans(batchRecord({ members: [owner], trace, runStart: 115, runEnd: 121 }));
    assert.deepEqual(
      spans().map((span) => span.name),
      ['inference.batch', 'run'],
    );
  });

  it('end where it was lost, without a run where the host tells of none', () => {
    const { maker, clock, spans, named } = spanMaker();
    const lost = { outcome: 'worker_lost', splitStart: 0, end: 0, runStart: undefined, runEnd: undefined } as const;
    maker.makeBatchSpans(batchRecord({ ...lost, members: [owner], trace }));
    assert.equal(spans().length, 1);
    const batch = named('inference.batch');
    assert.deepEqual(timesOf(batch, clock), [110, 115]);
    assert.equal(batch.status.code, SpanStatusCode.ERROR);
    assert.equal(batch.attributes['error.type'], 'worker_lost');
  });

  it('are not made where no member is sampled', () => {
    const { maker, spans } = spanMaker();
    maker.makeBatchSpans(batchRecord());
    assert.deepEqual(spans(), []);
  });
});

describe('events', () => {
  const refusal = (kind: ErrorKind, attributes: Record<string, string | number>) =>
    new ServingError(kind, 'why', { attributes, retryAfterMs: 7 });
  const table: readonly (readonly [name: string | undefined, error: ServingError])[] = [
    ['inference.refuse', refusal('overloaded', { stage: 'admit', reason: 'queue_full' })],
    ['inference.refuse', refusal('deadline_exceeded', { stage: 'admit', reason: 'deadline_too_short' })],
    ['inference.refuse', refusal('draining', { stage: 'admit' })],
    ['inference.early_drop', refusal('overloaded', { stage: 'queue', reason: 'evicted' })],
    ['inference.early_drop', refusal('deadline_exceeded', { stage: 'queue', reason: 'early_drop', waited_ms: 4 })],
    ['inference.expire', refusal('deadline_exceeded', { stage: 'queue', reason: 'expired' })],
    ['inference.expire', refusal('deadline_exceeded', { stage: 'execute' })],
    ['inference.cancel', refusal('cancelled', { stage: 'queue' })],
    [undefined, refusal('backend_failed', {})],
    [undefined, refusal('invalid_request', {})],
  ];
  for (const [name, error] of table) {
    it(`${error.kind} ${JSON.stringify(error.attributes)}: ${name ?? 'none'}`, () => {
      const { makeRequestSpans, named } = spanMaker();
      makeRequestSpans(requestRecord({ trace: traceOf('a'), outcome: error.kind, error }));
      const { events } = named('Predict digits');
      assert.deepEqual(
        events.map((event) => event.name),
        name === undefined ? [] : [name],
      );
      if (name === undefined) return;
      const { reason } = error.attributes!;
      assert.deepEqual(events[0]!.attributes, {
        'inference.stage': 'encode',
        ...(reason !== undefined && { 'inference.reason': reason }),
        'inference.retry_after_ms': 7,
      });
    });
  }

  it('that were noted on the way stand at their instants', () => {
    const { makeRequestSpans, named, clock } = spanMaker();
    const events = [{ name: 'inference.breaker', at: 112, attributes: { 'inference.reason': 'open' } }] as const;
    makeRequestSpans(requestRecord({ trace: traceOf('a'), events }));
    const [event] = named('Predict digits').events;
    assert.equal(event!.name, 'inference.breaker');
    const [seconds, nanos] = event!.time;
    assert.equal(Math.round(seconds * 1000 - clock.wallOffsetMs + nanos / 1e6), 112);
  });
});
