/** Client certificates as identities: SPIFFE ids, DNS names and common names, over gRPC on both engines and REST. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { request } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { newKey } from '../../../../src/cli/key.ts';
import { type PrincipalEntry, writeAccessFile } from '../../../support/access-file.ts';
import { askGrpc, type Credential, grpcQuestions } from '../../../support/access-questions.ts';
import { readConfig } from '../../../support/config-files.ts';
import { ENGINE_NAMES, engineFlags } from '../../../support/engine-names.ts';
import { appOf } from '../../../support/local-app.ts';
import { openSession } from '../../../support/raw-grpc.ts';
import { selfSigned } from '../../../support/self-signed.ts';
import { DIGITS } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const server = selfSigned();
const CLIENTS = {
  below: selfSigned('x1', { uris: ['spiffe://prod/ns/search/sa/a'] }),
  beside: selfSigned('x2', { uris: ['spiffe://prod/ns/search2/sa/a'] }),
  above: selfSigned('x3', { uris: ['spiffe://prod/ns/search'] }),
  'out of the path': selfSigned('x4', { uris: ['spiffe://prod/ns/search/../admin'] }),
  'two ids': selfSigned('x5', { uris: ['spiffe://prod/ns/search/sa/a', 'spiffe://prod/ns/other'] }),
  dns: selfSigned('x6', { dns: ['ads.svc'] }),
  'a dns name that pretends': selfSigned('x7', { dns: ['x, URI:spiffe://prod/ns/search/sa/a, DNS:ads.svc'] }),
  cn: selfSigned('legacy'),
  'a common name that pretends': selfSigned('x\nCN=legacy'),
};
type Client = keyof typeof CLIENTS;

const key = newKey();
const may = [{ models: ['digits'], methods: ['status'] }];
const PRINCIPALS: readonly PrincipalEntry[] = [
  { name: 'search', certificates: [{ spiffe: 'spiffe://prod/ns/search/*' }], may },
  { name: 'ads', certificates: [{ dns: 'ads.svc' }, { cn: 'legacy' }], may },
  { name: 'idle', keys: [key.hash], may: [{ models: ['digits'], methods: ['metadata'] }] },
];
const PASSED: readonly Client[] = ['below', 'dns', 'cn'];

function credential(...headers: Credential['headers']): Credential {
  return { name: '', principal: undefined, headers };
}

function sessionOf(address: string, client: Client): ClientHttp2Session {
  return connect(`https://${address}`, { ...CLIENTS[client], ca: server.cert, servername: 'localhost' });
}

function restStatus(address: string, client: Client, headers: Record<string, string>): Promise<number> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const options = { host, port, path: '/v1/models/digits', servername: 'localhost', ca: server.cert, agent: false };
    const sent = request({ ...options, ...CLIENTS[client], headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode!);
    });
    sent.once('error', reject).end();
  });
}

for (const engine of ENGINE_NAMES) {
  test(`a client certificate says who asks, engine ${engine}`, async (t) => {
    const directory = tempDirectory(t);
    const ssl = join(directory, 'ssl.config');
    const authorities = Object.values(CLIENTS).map(({ cert }) => cert);
    const fields = { server_key: server.key, server_cert: server.cert, custom_ca: authorities.join('') };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
    writeFileSync(ssl, [...lines, 'client_verify: true'].join('\n'));
    const socket = join(directory, 'grpc.sock');
    const { config, errors } = readConfig(
      [
        ...DIGITS,
        ...['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1', '--log_level=silent'],
        ...[...engineFlags(engine), `--ssl_config_file=${ssl}`, '--rest_api_tls', `--grpc_socket_path=${socket}`],
        `--authorization_file=${writeAccessFile(directory, PRINCIPALS)}`,
      ],
      {},
    );
    assert.deepEqual(errors, undefined);
    const app = appOf(config!);
    t.after(() => app.drain());
    const { grpc, rest } = await app.start();
    const question = grpcQuestions().find(({ method, model }) => method === 'status' && model === 'digits')!;
    for (const client of Object.keys(CLIENTS) as Client[]) {
      const session = sessionOf(grpc[0]!, client);
      const isPassed = PASSED.includes(client);
      const { verdict } = await askGrpc(session, question, credential());
      assert.equal(verdict, isPassed ? 'passed' : 'nobody', client);
      // A key is asked first, and an unknown one is not made good by a certificate.
      assert.equal((await askGrpc(session, question, credential(['x-api-key', key.key]))).verdict, 'denied', client);
      assert.equal((await askGrpc(session, question, credential(['x-api-key', 'x']))).verdict, 'nobody', client);
      assert.equal((await askGrpc(session, question, credential())).verdict, verdict, client);
      session.close();
      assert.equal(await restStatus(rest[0]!, client, {}), isPassed ? 200 : 401, client);
      assert.equal(await restStatus(rest[0]!, client, { 'x-api-key': key.key }), 403, client);
      assert.equal(await restStatus(rest[0]!, client, { authorization: 'Basic eDp4' }), 401, client);
    }
    // A socket file has no TLS, and so no certificates.
    const local = openSession(`unix:${socket}`);
    assert.equal((await askGrpc(local, question, credential())).verdict, 'nobody');
    assert.equal((await askGrpc(local, question, credential(['x-api-key', key.key]))).verdict, 'denied');
    local.close();
  });
}

test('certificates in the file want a listener that asks for them', (t) => {
  const file = writeAccessFile(tempDirectory(t), PRINCIPALS);
  const { errors = [] } = readConfig([...DIGITS, `--authorization_file=${file}`]);
  assert.equal(errors.length, 1);
  assert.match(errors[0]!, /"search" has certificates, but no client is asked for one; give --tls_client_ca_file/);
});
