/** Faults around the end of the server: collectors of no use, connections that hang. */
import { connect, type Socket } from 'node:net';
import process from 'node:process';
import { exportTo, startCollector, type UselessCollector } from '../../test/support/collectors.ts';
import type { Fault } from './fault.ts';
import { type FaultServer, NEIGHBOUR } from './fault-server.ts';
import { pause } from './waiting.ts';

/** The time until the process is gone: connections get a second to end, the last spans and lines another. */
const END_MS = 6000;
const HANGING = 50;
const UNREAD = 3;
const DRAIN_TIMEOUT_MS = 3000;

const closers = new Map<string, () => void>();

export const END_FAULTS: readonly Fault[] = [
  uselessCollector('dead', 'http/protobuf'),
  uselessCollector('hanging', 'http/protobuf'),
  uselessCollector('hanging', 'grpc'),
  uselessCollector('slow', 'http/protobuf'),
  {
    name: 'SIGTERM among connections that hang',
    injection: `${HANGING} idle connections, ${HANGING} with half a request, ${UNREAD} that read none of 10 MB of answers`,
    expectation: 'open requests are answered, and the server ends with 0 within the drain’s timeout',
    times: 1,
    allowedRefusals: 1,
    allowedLoss: 0,
    endsServer: true,
    server: () => ({ args: [`--drain_timeout_ms=${DRAIN_TIMEOUT_MS}`] }),
    async inject({ server }) {
      const sockets = hang(server.rest);
      // The server has read what they sent when it answers another request at once.
      await pause(3000);
      await server.untilAnswers(NEIGHBOUR);
      try {
        await endWithin(server, DRAIN_TIMEOUT_MS + END_MS);
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    },
  },
];

function uselessCollector(kind: UselessCollector, protocol: string): Fault {
  return {
    name: `an OTLP collector is ${kind} (${protocol})`,
    injection: 'every request is traced, metrics are pushed; SIGTERM after 2 s',
    expectation: `the server ends with 0 within ${END_MS / 1000} s, its drain included, and tells what was lost`,
    times: 1,
    allowedRefusals: 1,
    allowedLoss: 0,
    endsServer: true,
    async server(directory) {
      const { endpoint, close } = await startCollector(kind);
      closers.set(directory, close);
      return { environment: exportTo(endpoint, protocol) };
    },
    async inject({ server }) {
      await pause(2000);
      await endWithin(server, END_MS);
      const last = server.lines.at(-1);
      if (last?.event !== 'drained' || last['lost_spans'] === undefined) {
        throw new Error(`the last line is ${JSON.stringify(last)}`);
      }
    },
    cleanUp(directory) {
      closers.get(directory)?.();
      closers.delete(directory);
    },
  };
}

async function endWithin(server: FaultServer, ms: number): Promise<void> {
  process.kill(server.pid, 'SIGTERM');
  const ended = await Promise.race([server.exited, pause(ms).then(() => undefined)]);
  if (ended === undefined) throw new Error(`the server has not ended after ${ms} ms`);
}

function hang(rest: string): readonly Socket[] {
  const port = Number(new URL(rest).port);
  const half = 'POST /v1/models/neighbour:predict HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{"inst';
  const body = JSON.stringify({ instances: new Array<number>(300_000).fill(1.5) });
  const whole = `POST /v1/models/neighbour:predict HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const kinds: readonly (readonly [text: string, connections: number])[] = [
    ['', HANGING],
    [half, HANGING],
    [whole.repeat(8), UNREAD],
  ];
  return kinds.flatMap(([text, connections]) =>
    Array.from({ length: connections }, () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.pause();
      socket.write(text);
      return socket;
    }),
  );
}
