/** The whole app with TLS in its configuration: gRPC has it, REST where asked, and the drain ends both. */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { request } from 'node:https';
import { test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { ConfigFiles, readConfig } from '../support/config-files.ts';
import { appOf } from '../support/local-app.ts';
import { selfSigned } from '../support/self-signed.ts';
import { DIGITS } from '../support/sidecar.ts';

const { key, cert } = selfSigned();
const PORTS = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1', '--log_level=silent'];

const identity = (bytes: Buffer): Buffer => bytes;

function statusOverGrpc(address: string): Promise<grpc.status> {
  const client = new grpc.Client(address, grpc.credentials.createSsl(Buffer.from(cert)), {
    'grpc.ssl_target_name_override': 'localhost',
  });
  return new Promise((resolve) => {
    const path = '/tensorflow.serving.ModelService/GetModelStatus';
    client.makeUnaryRequest(path, identity, identity, Buffer.alloc(0), (error) => {
      client.close();
      resolve(error?.code ?? grpc.status.OK);
    });
  });
}

function listOverHttps(address: string): Promise<string> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const call = request({ host, port, servername: 'localhost', ca: cert, path: '/v1/models' }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    call.on('error', reject);
    call.end();
  });
}

for (const hasRest of [false, true]) {
  test(`gRPC has TLS, REST ${hasRest ? 'has it too' : 'has none where that is asked for'}`, async (t) => {
    const files = new ConfigFiles(t);
    const tls = [`--tls_key_file=${files.write('key', key)}`, `--tls_cert_file=${files.write('cert', cert)}`];
    const { config } = readConfig([...DIGITS, ...PORTS, ...tls, ...(hasRest ? [] : ['--rest_api_tls=false'])]);
    assert.ok(config !== undefined);
    const app = appOf(config);
    t.after(() => app.drain());
    const addresses = await app.start();
    // It has no model_spec: the service itself has answered.
    assert.equal(await statusOverGrpc(addresses.grpc[0]!), grpc.status.INVALID_ARGUMENT);
    const rest = addresses.rest[0]!;
    if (hasRest) {
      assert.match(await listOverHttps(rest), /"digits"/);
      await assert.rejects(fetch(`http://${rest}/v1/models`));
    } else assert.match(await (await fetch(`http://${rest}/v1/models`)).text(), /"digits"/);
    await app.drain();
  });
}
