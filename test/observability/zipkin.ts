/** A real Zipkin that keeps traces in memory, and the spans of one of them. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tempDirectory } from '../support/temp-directory.ts';
import { freePorts, getJson, pathFrom, startProgram } from './program.ts';

export interface Zipkin {
  /** For OTEL_EXPORTER_ZIPKIN_ENDPOINT. */
  readonly endpoint: string;
  /** Resolves with a trace once `isWhole` says so: spans come as they are flushed. */
  trace(traceId: string, isWhole: (spans: readonly ZipkinSpan[]) => boolean): Promise<readonly ZipkinSpan[]>;
}

/** As Zipkin's API v2 has it. */
export interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind?: 'CLIENT' | 'SERVER';
  readonly name: string;
  /** µs since 1970, and µs; absent = it took none. */
  readonly timestamp: number;
  readonly duration?: number;
  readonly localEndpoint: { readonly serviceName: string };
}

const JAR = 'zipkin-server-3.5.1-slim.jar';

export async function startZipkin(t: TestContext): Promise<Zipkin> {
  const [port] = (await freePorts(1)) as [number];
  const args = ['-Xmx256m', `-Dserver.port=${port}`, '-jar', join(pathFrom('PILLION_TEST_ZIPKIN'), JAR)];
  const program = startProgram(t, 'java', args, tempDirectory(t));
  const api = `http://127.0.0.1:${port}/api/v2`;
  await program.until('Zipkin', () => getJson(`${api}/services`));
  return {
    endpoint: `${api}/spans`,
    trace: (traceId, isWhole) =>
      program.until(`trace ${traceId}`, async () => {
        const spans = await getJson<readonly ZipkinSpan[]>(`${api}/trace/${traceId}`);
        return spans !== undefined && isWhole(spans) ? spans : undefined;
      }),
  };
}
