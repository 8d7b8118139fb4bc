/**
 * Secrets are planted wherever a client or the environment may have one, and everything that the server tells is
 * searched for them: its log at the lowest level, the audit log, the access log, spans and metrics as they are exported, every page of
 * the operators' server, the metrics page, the texts of answers, and what the commands print.
 */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { buffer } from 'node:stream/consumers';
import { after, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { newKey } from '../../src/cli/key.ts';
import { createIssuer, writeAccessFile } from '../support/access-file.ts';
import { ENGINE_NAMES, engineFlags } from '../support/engine-names.ts';
import { hasFeature } from '../support/has-feature.ts';
import { answerOf, frame, openCall } from '../support/raw-grpc.ts';
import { RawConnection } from '../support/rest-harness.ts';
import { DIGITS, killSidecars, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';

after(killSidecars);

const GOOD = JSON.stringify({ instances: [Array.from({ length: 64 }, () => 0.5)] });
const ALL = ['predict', 'classify', 'regress', 'multi_inference', 'metadata', 'status', 'reload', 'metrics'];

const NEEDED = ['access-log', 'audit', 'authorization'];

/** Made on the spot, so that nothing else can hold it. */
function secret(): string {
  return randomBytes(18).toString('hex');
}

/** Where a client may have a secret; of each, every form in which the server could repeat it is looked for. */
const PLANTED = {
  cookie: secret(),
  query: secret(),
  baggage: secret(),
  'proxy-authorization': secret(),
  'an unknown key': secret(),
  'a key that cannot be read': secret(),
  'a header of the application': secret(),
  'binary metadata': secret(),
  'a broken head': secret(),
  'the environment': secret(),
  'the collector’s key': secret(),
};

/** Takes whatever is exported, as bytes. */
async function startCollector(t: TestContext): Promise<{ readonly endpoint: string; readonly got: Buffer[] }> {
  const got: Buffer[] = [];
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      got.push(body);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, got };
}

/** It says nothing of what it is sent. */
async function startApp(t: TestContext): Promise<string> {
  const app = createServer((request, response) => {
    request.resume();
    response.setHeader('content-length', 0);
    response.end();
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    app.closeAllConnections();
    app.close();
  });
  return `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
}

const headersWith = (credential: readonly string[]): readonly string[] => [
  ...credential,
  `cookie: session=${PLANTED.cookie}`,
  `baggage: user=${PLANTED.baggage},tenant=x;p=${PLANTED.baggage}`,
  `proxy-authorization: Basic ${PLANTED['proxy-authorization']}`,
  `x-application-token: ${PLANTED['a header of the application']}`,
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
];

/** Whole answers, heads included, to requests of every kind. */
async function askRest(address: string, credentials: readonly (readonly string[])[]): Promise<string> {
  const said: string[] = [];
  const query = `?key=${PLANTED.query}&authorization=Bearer%20${PLANTED.query}`;
  for (const credential of credentials) {
    for (const lane of [[], ['te: trailers']]) {
      for (const [path, body] of [
        [`/v1/models/digits:predict${query}`, GOOD],
        [`/v1/models/digits:predict${query}`, '{"instances": [[1'],
        [`/v1/models/digits:classify${query}`, '{}'],
        [`/v1/models/nothing:predict${query}`, GOOD],
        [`/v1/nothing${query}`, GOOD],
        [`/v1/models/digits${query}`, GOOD],
        [`/of/the/application${query}`, GOOD],
      ] as const) {
        const connection = new RawConnection(address);
        connection.post(path, body, [...headersWith(credential), ...lane]);
        const { status, headers, body: text } = await connection.answer();
        said.push(`${status} ${JSON.stringify([...headers])} ${text.toString('latin1')}`);
        connection.destroy();
      }
    }
  }
  for (const head of ['GET / HTTP/1.1\r\nhost: x\r\nbad header: ', 'GET /\r\n', 'GET / HTTP/1.1\r\nhost: x\r\nx: \0']) {
    const connection = new RawConnection(address);
    connection.send(`${head}${PLANTED['a broken head']}\r\n\r\n`);
    said.push(await connection.ended());
  }
  return said.join('\n');
}

async function askGrpc(session: ClientHttp2Session, credentials: readonly (readonly string[])[]): Promise<string> {
  const said: string[] = [];
  for (const credential of credentials) {
    for (const path of ['PredictionService/Predict', 'ModelService/HandleReloadConfigRequest', 'Nothing/At']) {
      const stream = openCall(session, `/tensorflow.serving.${path}`, {
        ...Object.fromEntries(headersWith(credential).map((line) => line.split(': ') as [string, string])),
        'x-token-bin': Buffer.from(PLANTED['binary metadata']).toString('base64'),
        'grpc-trace-bin': Buffer.from(PLANTED['binary metadata']).toString('base64'),
      });
      stream.end(frame(Buffer.from([10, 8, 10, 6, ...Buffer.from('digits')])));
      const { grpcStatus, grpcMessage } = await answerOf(stream);
      said.push(`${grpcStatus} ${grpcMessage}`);
    }
  }
  return said.join('\n');
}

for (const engine of ENGINE_NAMES) {
  describe(`planted secrets, engine ${engine}`, { skip: !NEEDED.every(hasFeature) }, () => {
    it('are found nowhere', async (t) => {
      const directory = tempDirectory(t);
      const collector = await startCollector(t);
      const issuer = createIssuer();
      const [api, admin] = [newKey(), newKey()];
      const token = await issuer.token({ sub: 'holder' });
      const may = [{ models: ['*'], methods: ALL }];
      const rules = writeAccessFile(
        directory,
        [
          { name: 'keyed', keys: [api.hash], may },
          { name: 'holder', tokens: [{ sub: 'holder' }], may },
        ],
        issuer,
      );
      const [tokenFile, auditFile, accessFile] = ['token', 'audit', 'access'].map((name) => join(directory, name)) as [
        string,
        string,
        string,
      ];
      writeFileSync(tokenFile, admin.key);
      const environment = {
        PILLION_TEST_SECRET: PLANTED['the environment'],
        DATABASE_URL: `postgres://me:${PLANTED['the environment']}@db/x`,
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
        OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${PLANTED['the collector’s key']}`,
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_METRIC_EXPORT_INTERVAL: '1000',
        OTEL_BSP_SCHEDULE_DELAY: '100',
      };
      const args = [
        ...DIGITS,
        ...['--log_level=trace', '--capture_payloads=all', '--capture_inputs=*', '--enable_reload_rpc'],
        ...engineFlags(engine),
        `--authorization_file=${rules}`,
        `--admin_token_file=${tokenFile}`,
        `--audit_log_file=${auditFile}`,
        `--access_log=${accessFile}`,
        `--app=${await startApp(t)}`,
      ];
      const sidecar = await startSidecar(args, environment);
      const credentials = [
        [],
        [`authorization: Bearer ${api.key}`],
        [`x-api-key: ${api.key}`],
        [`authorization: Bearer ${token}`],
        [`authorization: Bearer ${PLANTED['an unknown key']}`],
        [`authorization: Token ${PLANTED['a key that cannot be read']}`],
        [`authorization: Bearer ${PLANTED['a key that cannot be read']}\u00fc`],
      ];
      const told = new Map<string, string>();
      told.set('answers over REST', await askRest(sidecar.rest.slice('http://'.length), credentials));
      const session = connect(`http://${sidecar.grpc}`);
      told.set('answers over gRPC', await askGrpc(session, credentials));
      session.close();
      // Spans of the application's requests are sent before the commands below stop this process, the collector, for a while.
      const exported = (): string => Buffer.concat(collector.got).toString('latin1');
      while (!exported().includes('/of/the/application') || !exported().includes('digits')) await delay(10);

      const headers = { authorization: `Bearer ${admin.key}`, 'x-pillion-console': '1', cookie: `a=${PLANTED.cookie}` };
      const requests = await (await fetch(`${sidecar.admin}/requests?limit=1000`, { headers })).text();
      told.set('/requests', requests);
      const { requests: seen } = JSON.parse(requests) as { requests: { id: string; has_payload: boolean }[] };
      assert.ok(seen.length > 50);
      const captured = seen.find(({ has_payload }) => has_payload)!.id;
      const metrics = await fetch(`${sidecar.rest}/monitoring/prometheus/metrics`, {
        headers: { 'x-api-key': api.key },
      });
      assert.equal(metrics.status, 200);
      told.set('metrics over REST', await metrics.text());
      for (const path of [
        ...['/models', '/models/digits', '/about', '/metrics', '/profile?seconds=1', '/nothing', '/help'],
        ...(hasFeature('headroom') ? ['/headroom'] : []),
        ...['/config_dump', '/server_info', '/stats', '/stats?format=json', '/logging'],
        ...[`/requests/${captured}`, `/requests/${captured}/payload`, `/models/${PLANTED.query.slice(0, 4)}`],
      ]) {
        told.set(
          path,
          Buffer.from(await (await fetch(sidecar.admin + path, { headers })).arrayBuffer()).toString('latin1'),
        );
      }
      const at = `--admin=${sidecar.admin.slice('http://'.length)}`;
      for (const command of [
        ['status', at, `--admin_token_file=${tokenFile}`, '--json'],
        ['doctor', at, `--admin_token_file=${tokenFile}`, '--seconds=0', '--format=json'],
        ['config', 'check', ...args],
        ['config', 'check', ...args, '--json'],
      ]) {
        told.set(`pillion ${command.join(' ')}`, printed(command, environment));
      }
      assert.equal(await sidecar.stop(), 0);
      told.set('the log', sidecar.output());
      told.set('the audit log', readFileSync(auditFile, 'utf8'));
      told.set('the access log', readFileSync(accessFile, 'utf8'));
      told.set('what was exported', exported());
      assert.match(told.get('what was exported')!, /digits/);
      assert.match(told.get('the log')!, /"level":"debug"/);
      assert.match(told.get('the audit log')!, /unauthenticated/);
      assert.match(told.get('the access log')!, /"path":"\/of\/the\/application"/);
      assert.match(told.get('what was exported')!, /\/of\/the\/application/);

      const secrets = {
        ...PLANTED,
        'an API key': api.key,
        'a JWT': token.split('.')[2]!,
        'the operators’ token': admin.key,
      };
      for (const [where, text] of told) {
        for (const [what, value] of Object.entries(secrets)) {
          for (const form of [
            value,
            Buffer.from(value).toString('base64').replace(/=+$/, ''),
            Buffer.from(value).toString('hex'),
          ]) {
            assert.ok(!text.includes(form), `${what} is in ${where}: ${around(text, form)}`);
          }
        }
      }
    });
  });
}

/** What a command writes, whichever way it ends. */
function printed(command: readonly string[], environment: Readonly<Record<string, string>>): string {
  const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));
  const { stdout, stderr } = spawnSync(process.execPath, [main, ...command], {
    env: { ...process.env, ...environment },
    encoding: 'utf8',
  });
  assert.notEqual(stdout, '', stderr);
  return stdout + stderr;
}

function around(text: string, form: string): string {
  const at = text.indexOf(form);
  return text.slice(Math.max(0, at - 200), at + 20);
}
