/**
 * The cost of the HTTP/2 engine beside node:http2 and @grpc/grpc-js: the same gRPC echo of raw bytes on each, the same
 * client, in interleaved rounds. CPU time of the server per request; ratios are taken round by round. Writes
 * bench/results/http2-echo-BODY_BYTES.json.
 *
 * Usage: node build/bench/micro/http2-echo.js [ROUNDS] [SECONDS] [BODY_BYTES]. Needs h2load (Debian: nghttp2-client).
 */
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { h2load } from '../support/load-generators.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { median, medianRatio } from '../support/statistics.ts';
import { takeTurns } from '../support/turns.ts';

const CONNECTIONS = 32;
const KINDS = ['engine', 'engine-later', 'engine-grpc', 'node:http2', 'grpc-js'] as const;
const [rounds = 5, seconds = 2, bodyBytes = 100] = process.argv.slice(2).map(Number);
const program = fileURLToPath(new URL('./http2-echo-server.js', import.meta.url));

const servers: ServerProcess[] = [];
for (const kind of KINDS) {
  servers.push(
    await startServer({ name: kind, args: [program, kind], isReady: (line) => typeof line['port'] === 'number' }),
  );
}

const body = new Uint8Array(bodyBytes).fill(7);
console.log(
  `load average before: ${loadavg()[0]!.toFixed(2)}; body ${bodyBytes} bytes; ${CONNECTIONS} connections, 1 stream each`,
);
const figures = await measureAll();
const cpuMicros = figures.map((all) => all.map((figure) => figure.cpuMicros));

async function measureAll() {
  try {
    return await takeTurns(servers, { rounds, warmUpRounds: 1 }, measure);
  } finally {
    for (const server of servers) await server.stop();
  }
}

async function measure(server: ServerProcess) {
  const before = server.cpuSeconds();
  const url = `http://127.0.0.1:${server.ready['port']}/bench.Echo/Echo`;
  const result = await h2load({ url, connections: CONNECTIONS, seconds, body });
  if (result.failed > 0) throw new Error(`${server.name}: ${result.failed} requests failed`);
  return { ...result, cpuMicros: ((server.cpuSeconds() - before) * 1e6) / result.requests };
}

const rows = KINDS.map((server, i) => ({
  server,
  cpuMicros: median(cpuMicros[i]!),
  timesEngine: medianRatio(cpuMicros[i]!, cpuMicros[0]!),
  requestsPerSecond: Math.round(median(figures[i]!.map((figure) => figure.requestsPerSecond))),
  p99Ms: median(figures[i]!.map((figure) => figure.p99Ms)),
}));
const machine = `${cpus().length} × ${cpus()[0]!.model}, Node ${process.versions.node}`;
const run = { machine, rounds, seconds, bodyBytes, connections: CONNECTIONS, rows };
writeFileSync(`bench/results/http2-echo-${bodyBytes}.json`, `${JSON.stringify(run, undefined, 2)}\n`);

console.log('server        CPU µs/request   × engine    requests/s   p99 ms');
for (const row of rows) {
  const cells = [
    row.server.padEnd(12),
    row.cpuMicros.toFixed(1).padStart(15),
    row.timesEngine.toFixed(2).padStart(11),
    row.requestsPerSecond.toString().padStart(13),
    row.p99Ms.toFixed(2).padStart(9),
  ];
  console.log(cells.join(''));
}
