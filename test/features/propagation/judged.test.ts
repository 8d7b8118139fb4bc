/** OpenTelemetry's own propagators read what is written here, and write what is read. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  type SpanContext,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { AWSXRayPropagator } from '@opentelemetry/propagator-aws-xray';
import { B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3';
import { JaegerPropagator } from '@opentelemetry/propagator-jaeger';
import fc from 'fast-check';
import type { TraceContext } from '../../../src/ledger/tracing/trace-context.ts';
import { type Headers, passedOn, read, written } from './propagated.ts';

const JUDGES: Readonly<Record<string, TextMapPropagator>> = {
  tracecontext: new W3CTraceContextPropagator(),
  b3: new B3Propagator(),
  b3multi: new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER }),
  jaeger: new JaegerPropagator(),
  xray: new AWSXRayPropagator(),
};

function judged(judge: TextMapPropagator, headers: Headers): SpanContext | undefined {
  return trace.getSpanContext(judge.extract(ROOT_CONTEXT, headers, defaultTextMapGetter));
}

function writtenBy(judge: TextMapPropagator, span: SpanContext): Headers {
  const headers: Record<string, string> = {};
  judge.inject(trace.setSpanContext(ROOT_CONTEXT, span), headers, defaultTextMapSetter);
  return headers;
}

const hex = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`)).filter((id) => /[^0]/.test(id));
/** Also those of 64 bits. */
const traceIds = fc.oneof(
  hex(32),
  hex(16).map((id) => id.padStart(32, '0')),
);
const contexts = fc.record({
  traceId: traceIds,
  spanId: hex(16),
  isSampled: fc.boolean(),
  parentSpanId: fc.constant(undefined),
  traceState: fc.constant(undefined),
});

for (const [name, judge] of Object.entries(JUDGES)) {
  describe(name, () => {
    test('what is written here is read by OpenTelemetry’s', async () => {
      const check = async (context: TraceContext): Promise<void> => {
        const { traceId, spanId, traceFlags } = judged(judge, await written(name, context))!;
        assert.deepEqual([traceId, spanId, traceFlags], [context.traceId, context.spanId, Number(context.isSampled)]);
      };
      await fc.assert(fc.asyncProperty(contexts, check));
    });

    test('what OpenTelemetry’s writes is read here, and goes on as it came', async () => {
      const check = async ({ traceId, spanId, isSampled }: TraceContext): Promise<void> => {
        const headers = writtenBy(judge, { traceId, spanId, traceFlags: Number(isSampled) });
        const caller = await read(name, headers);
        assert.deepEqual(caller, { traceId, spanId, isSampled, traceState: undefined });
        assert.deepEqual(await written(name, passedOn(caller)), headers);
      };
      await fc.assert(fc.asyncProperty(contexts, check));
    });

    test('no text makes it throw, or read what is no span', async () => {
      const fields = name.startsWith('b3') ? ['b3', ...judge.fields()] : judge.fields();
      const check = async (text: string): Promise<void> => {
        for (const field of fields) {
          const caller = await read(name, { [field]: text });
          if (caller?.traceId === undefined) continue;
          assert.match(caller.traceId, /^(?!0{32})[0-9a-f]{32}$/);
          assert.match(caller.spanId!, /^(?!0{16})[0-9a-f]{16}$/);
        }
      };
      await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary' }), check));
    });
  });
}

test('the judge of b3 takes an id of 64 bits for the same as this server', async () => {
  const headers = { b3: 'a3ce929d0e0e4736-00f067aa0ba902b7-1' };
  const { traceId } = judged(JUDGES['b3']!, headers)!;
  assert.equal((await read('b3', headers))?.traceId, traceId);
});
