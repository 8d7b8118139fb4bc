/**
 * OTLP collectors that are of no use, over any protocol: one that is away, one that never answers, one that is slow.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export type UselessCollector = 'dead' | 'hanging' | 'slow';

export interface Collector {
  readonly endpoint: string;
  close(): void;
}

/** A slow one takes 10 s for each answer, and closes the connection then. */
const SLOW_MS = 10_000;

export async function startCollector(kind: UselessCollector): Promise<Collector> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.resume();
    if (kind === 'slow') setTimeout(() => socket.destroy(), SLOW_MS).unref();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  if (kind === 'dead') close();
  return { endpoint: `http://127.0.0.1:${port}`, close };
}

/** The environment of a server that sends spans of every request and its metrics there. */
export async function collectorEnvironment(t: TestContext, kind: UselessCollector, protocol: string) {
  const { endpoint, close } = await startCollector(kind);
  t.after(close);
  return exportTo(endpoint, protocol);
}

export function exportTo(endpoint: string, protocol: string): Readonly<Record<string, string>> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_TRACES_SAMPLER: 'always_on',
  };
}
