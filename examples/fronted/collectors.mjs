/**
 * Where the example's spans go: to a Jaeger or a Zipkin that it starts, to a collector of yours, or to this process.
 * Each has
 *
 *   environment       the variables that send the sidecar's spans there
 *   trace(id, find)   resolves with what `find` gives of that trace's spans, as OTLP has them, once it is not undefined
 *   link(id)          the URL that shows the trace; undefined = none
 *   close()
 */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { startOtlpReceiver } from '../../scripts/demo/otlp-receiver.mjs';
import { root, say } from '../../scripts/lib/setup.mjs';
import { ensureJaeger, ensureZipkin, ZIPKIN_JAR } from '../../scripts/lib/trace-stores.mjs';

const PATIENCE_MS = 60_000;
/** Between two looks: nobody tells when such a program is up, or has a trace. */
const LOOK_MS = 100;

/** @param {{otlp?: string, jaeger?: boolean, zipkin?: boolean}} wanted the first of them that is named */
export async function startCollector({ otlp, jaeger = false, zipkin = false }) {
  if (otlp !== undefined) return theirCollector(otlp);
  try {
    const program = jaeger ? ensureJaeger() : undefined;
    if (program !== undefined) return await startJaeger(program);
    const jars = zipkin ? ensureZipkin() : undefined;
    if (jars !== undefined) return await startZipkin(jars);
  } catch (error) {
    console.error(error.message);
  }
  if (jaeger || zipkin) console.error('! for the reason above this script receives the spans itself');
  return ownCollector();
}

function theirCollector(url) {
  return {
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' },
    trace: async () => undefined,
    link: () => undefined,
    close: () => undefined,
  };
}

async function ownCollector() {
  const receiver = await startOtlpReceiver();
  return {
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
    trace: (id, find) => receiver.until((all) => find(all.filter((span) => span.traceId === id))),
    link: () => undefined,
    close: () => receiver.close(),
  };
}

async function startJaeger(program) {
  say('Starting Jaeger');
  const [query, queryGrpc, otlpGrpc, otlpHttp] = await freePorts(4);
  const config = join(root, 'examples', 'fronted', 'jaeger.yaml');
  const ports = { JAEGER_PORT: query, JAEGER_GRPC_PORT: queryGrpc, OTLP_GRPC_PORT: otlpGrpc, OTLP_HTTP_PORT: otlpHttp };
  const running = startProgram(program, ['--config', `file:${config}`], ports);
  const address = `http://127.0.0.1:${query}`;
  await running.until('Jaeger', () => getJson(`${address}/api/services`));
  return {
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${otlpHttp}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    },
    trace: (id, find) =>
      running.until(`trace ${id}`, async () => {
        const { result } = (await getJson(`${address}/api/v3/traces/${id}`)) ?? {};
        return result && find(result.resourceSpans.flatMap((each) => each.scopeSpans.flatMap(({ spans }) => spans)));
      }),
    link: (id) => `${address}/${process.env['JAEGER_UI'] === undefined ? 'api/traces' : 'trace'}/${id}`,
    close: running.stop,
  };
}

async function startZipkin(jars) {
  say('Starting Zipkin');
  const [port] = await freePorts(1);
  const running = startProgram('java', ['-Xmx256m', `-Dserver.port=${port}`, '-jar', join(jars, ZIPKIN_JAR)]);
  const address = `http://127.0.0.1:${port}`;
  await running.until('Zipkin', () => getJson(`${address}/api/v2/services`));
  return {
    environment: { OTEL_TRACES_EXPORTER: 'zipkin', OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${address}/api/v2/spans` },
    trace: (id, find) =>
      running.until(`trace ${id}`, async () => {
        const spans = await getJson(`${address}/api/v2/trace/${id}`);
        return spans && find(spans.map(fromZipkin));
      }),
    link: (id) => `${address}/zipkin/traces/${id}`,
    close: running.stop,
  };
}

/** Zipkin has whole µs, lower-case names and no links. */
function fromZipkin({ id, parentId, kind, name, timestamp, duration = 0, tags = {} }) {
  return {
    ...{ spanId: id, parentSpanId: parentId, kind: kind === 'SERVER' ? 2 : 1, name },
    ...{ startTimeUnixNano: `${timestamp}000`, endTimeUnixNano: `${timestamp + duration}000` },
    attributes: Object.entries(tags).map(([key, stringValue]) => ({ key, value: { stringValue } })),
  };
}

function startProgram(command, args, environment = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  const log = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      log.push(text);
      if (log.length > 40) log.shift();
    });
  }
  let hasEnded = false;
  const exited = new Promise((resolve) => {
    child.once('close', resolve);
    child.once('error', (error) => resolve(log.push(`${command}: ${error.message}\n`)));
  }).then(() => {
    hasEnded = true;
  });
  const stop = () => {
    child.kill('SIGKILL');
    return exited;
  };
  return {
    stop,
    until: async (what, look) => {
      for (const end = Date.now() + PATIENCE_MS; ; await pause(LOOK_MS)) {
        // Not listening yet is no answer.
        const found = await look().catch(() => undefined);
        if (found !== undefined) return found;
        if (!hasEnded && Date.now() < end) continue;
        await stop();
        throw new Error(`waited for ${what} in vain\n${log.join('')}`);
      }
    },
  };
}

/** A JSON answer; undefined unless it is a 200. */
async function getJson(url) {
  const answer = await fetch(url);
  const text = await answer.text();
  return answer.status === 200 ? JSON.parse(text) : undefined;
}

/** Ports that were free a moment ago: these programs do not tell which they chose. */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
