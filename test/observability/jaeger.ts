/** A real Jaeger that keeps traces in memory, and the tree of one of them. */
import { resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { tempDirectory } from '../support/temp-directory.ts';
import { freePorts, getJson, pathFrom, startProgram } from './program.ts';

export interface Jaeger {
  /** "127.0.0.1:port" of OTLP over gRPC, and over HTTP. */
  readonly otlpGrpc: string;
  readonly otlpHttp: string;
  /** Resolves with a trace once `isWhole` says so: spans come as they are flushed. */
  trace(traceId: string, isWhole: (spans: readonly JaegerSpan[]) => boolean): Promise<readonly JaegerSpan[]>;
}

export interface JaegerSpan {
  readonly id: string;
  readonly traceId: string;
  readonly parent: string | undefined;
  /** Spans that it points to and that are not its parent. */
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly name: string;
  readonly service: string;
  readonly tags: Readonly<Record<string, unknown>>;
}

/** As Jaeger's query API has it. */
interface ApiTrace {
  readonly spans: readonly {
    readonly traceID: string;
    readonly spanID: string;
    readonly operationName: string;
    readonly processID: string;
    readonly references: readonly { readonly refType: string; readonly traceID: string; readonly spanID: string }[];
    readonly tags: readonly { readonly key: string; readonly value: unknown }[];
  }[];
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
}

/** That of the example of an application. */
const CONFIG = resolve('examples/fronted/jaeger.yaml');

export async function startJaeger(t: TestContext): Promise<Jaeger> {
  const [grpc, http, query, queryGrpc] = (await freePorts(4)) as [number, number, number, number];
  const program = startProgram(t, pathFrom('PILLION_TEST_JAEGER'), ['--config', `file:${CONFIG}`], tempDirectory(t), {
    ...{ JAEGER_PORT: `${query}`, JAEGER_GRPC_PORT: `${queryGrpc}` },
    ...{ OTLP_GRPC_PORT: `${grpc}`, OTLP_HTTP_PORT: `${http}` },
  });
  const api = `http://127.0.0.1:${query}/api`;
  await program.until('Jaeger', () => getJson(`${api}/services`));
  return {
    otlpGrpc: `127.0.0.1:${grpc}`,
    otlpHttp: `http://127.0.0.1:${http}`,
    trace: (traceId, isWhole) => {
      let last: readonly JaegerSpan[] = [];
      return program
        .until(`trace ${traceId}`, async () => {
          const answer = await getJson<{ readonly data: readonly ApiTrace[] }>(`${api}/traces/${traceId}`);
          last = answer === undefined ? [] : spansIn(answer.data[0]!);
          return isWhole(last) ? last : undefined;
        })
        .catch((error: Error) => {
          throw new Error(`${error.message}\nlast seen: ${JSON.stringify(last, undefined, 1)}`);
        });
    },
  };
}

function spansIn({ spans, processes }: ApiTrace): readonly JaegerSpan[] {
  return spans.map(({ traceID, spanID, operationName, processID, references, tags }) => {
    const parent = references.find(({ refType }) => refType === 'CHILD_OF')?.spanID;
    const links = references.filter(({ refType }) => refType !== 'CHILD_OF');
    return {
      ...{ id: spanID, traceId: traceID, parent, name: operationName },
      links: links.map((link) => ({ traceId: link.traceID, spanId: link.spanID })),
      service: processes[processID]!.serviceName,
      tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
    };
  });
}
