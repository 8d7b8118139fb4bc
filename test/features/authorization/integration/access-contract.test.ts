/**
 * The authorization file on every surface, lane and engine: each question with each credential, and the answers compared
 * with a policy of a few lines. Also that no refusal tells whether a model is there.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { newKey } from '../../../../src/cli/key.ts';
import { bytesField } from '../../../../src/codec/protobuf/wire-writer.ts';
import type { App } from '../../../../src/kernel/assembly/app.ts';
import { createIssuer, type PrincipalEntry, writeAccessFile } from '../../../support/access-file.ts';
import {
  askGrpc,
  askRest,
  type Credential,
  grpcQuestions,
  oracle,
  restQuestions,
  SERVED,
  twoTasks,
} from '../../../support/access-questions.ts';
import { readConfig } from '../../../support/config-files.ts';
import { ENGINE_NAMES, engineFlags } from '../../../support/engine-names.ts';
import { hasFeature } from '../../../support/has-feature.ts';
import { appOf } from '../../../support/local-app.ts';
import { decode } from '../../../support/proto-registry.ts';
import { frame, openCall, openSession, readMessages } from '../../../support/raw-grpc.ts';
import { RawConnection } from '../../../support/rest-harness.ts';
import { DIGITS } from '../../../support/sidecar.ts';

const ALL_OF_A_MODEL = ['predict', 'classify', 'regress', 'multi_inference', 'metadata', 'status', 'load'];
const keys = { owner: newKey(), reader: newKey(), caller: newKey(), mixed: newKey() };
const issuer = createIssuer();

const PRINCIPALS: readonly PrincipalEntry[] = [
  {
    name: 'owner',
    keys: [keys.owner.hash],
    may: [{ models: ['*'], methods: [...ALL_OF_A_MODEL, 'settings', 'reload', 'metrics'] }],
  },
  { name: 'reader', keys: [keys.reader.hash], may: [{ models: ['dig*'], methods: ['metadata', 'status'] }] },
  { name: 'caller', keys: [keys.caller.hash], may: [{ models: [SERVED], methods: ['predict'], surfaces: ['grpc'] }] },
  {
    name: 'mixed',
    keys: [keys.mixed.hash],
    may: [
      { models: [SERVED, 'other'], methods: ['predict', 'classify'], surfaces: ['rest'] },
      { models: ['digits-*'], methods: ['multi_inference', 'regress', 'status'] },
      { models: ['*'], methods: ['metrics'] },
    ],
  },
  { name: 'holder', tokens: [{ sub: 'holder' }], may: [{ models: [SERVED], methods: ['predict', 'multi_inference'] }] },
];

const bearer = (token: string): readonly [string, string] => ['authorization', `Bearer ${token}`];

async function credentials(): Promise<readonly Credential[]> {
  const { owner, reader, caller, mixed } = keys;
  const of = (name: string, principal: string | undefined, ...headers: Credential['headers']): Credential => ({
    name,
    principal,
    headers,
  });
  return [
    of('none', undefined),
    of('a key as bearer', 'owner', bearer(owner.key)),
    of('a key as x-api-key', 'reader', ['x-api-key', reader.key]),
    of('another', 'caller', bearer(caller.key)),
    of('a third', 'mixed', ['x-api-key', mixed.key]),
    of('a JWT', 'holder', bearer(await issuer.token({ sub: 'holder' }))),
    of('a JWT as a key', 'holder', ['x-api-key', await issuer.token({ sub: 'holder' })]),
    of('an expired JWT', undefined, bearer(await issuer.token({ sub: 'holder', exp: 1 }))),
    of('a JWT of nobody', undefined, bearer(await issuer.token({ sub: 'x' }))),
    of('the hash of a key', undefined, bearer(owner.hash.slice('sha256:'.length))),
    of('an unknown key', undefined, bearer(newKey().key)),
    of('half a key', undefined, bearer(owner.key.slice(0, -1))),
    of('another scheme', undefined, ['authorization', `Basic ${owner.key}`]),
    of('a key and a key', undefined, bearer(owner.key), ['x-api-key', owner.key]),
    of('an empty one', undefined, ['x-api-key', '']),
    of('letters that are none', undefined, bearer('\u00fc\u00e4')),
  ];
}

let directory = '';

after(() => rmSync(directory, { recursive: true, force: true }));

interface Running {
  readonly app: App;
  readonly session: ClientHttp2Session;
  readonly grpc: string;
  readonly rest: string;
}

async function start(engine: string): Promise<Running> {
  if (directory === '') directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  const args = [
    ...DIGITS,
    ...['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1', '--log_level=silent'],
    '--enable_reload_rpc',
    ...engineFlags(engine),
    `--authorization_file=${writeAccessFile(directory, PRINCIPALS, issuer)}`,
    `--audit_log_file=${join(directory, `${engine}.audit`)}`,
  ];
  const { config, errors } = readConfig(args);
  assert.deepEqual(errors, undefined);
  const app = appOf(config!);
  const { grpc, rest } = await app.start();
  return { app, session: openSession(grpc[0]!), grpc: grpc[0]!, rest: rest[0]! };
}

for (const engine of ENGINE_NAMES) {
  describe(`access over gRPC, engine ${engine}`, () => {
    let running: Running;

    before(async () => {
      running = await start(engine);
    });

    after(async () => {
      running.session.close();
      await running.app.drain();
    });

    it('is decided as the file says, for every method, model and credential', async () => {
      for (const credential of await credentials()) {
        // Node's HTTP/2 ends a connection after a thousand streams that are reset, as a client does at their end.
        const session = openSession(running.grpc);
        for (const question of grpcQuestions()) {
          const { method, model, what } = question;
          const { verdict, text } = await askGrpc(session, question, credential);
          const wanted = oracle(PRINCIPALS, credential.principal, method, 'grpc', model);
          assert.equal(verdict, wanted, `${what}, ${credential.name}: ${text}`);
        }
        session.close();
      }
    });

    it('is refused in the same words for a model that is there and one that is not', async () => {
      for (const credential of await credentials()) {
        const texts = new Map<string, string>();
        for (const question of grpcQuestions()) {
          const { verdict, text } = await askGrpc(running.session, question, credential);
          if (verdict === 'passed') continue;
          const first = texts.get(question.method) ?? text;
          texts.set(question.method, first);
          assert.equal(text, first, question.what);
        }
      }
    });

    it('asks for every model that a MultiInference names', async () => {
      const { session } = running;
      const [holder] = (await credentials()).filter(({ principal }) => principal === 'holder');
      const both = await askGrpc(session, twoTasks(SERVED, SERVED), holder!);
      const hidden = await askGrpc(session, twoTasks(SERVED, 'other'), holder!);
      const absent = await askGrpc(session, twoTasks(SERVED, 'there-is-none'), holder!);
      const first = await askGrpc(session, twoTasks('other', SERVED), holder!);
      assert.equal(both.verdict, 'passed');
      assert.deepEqual([hidden.verdict, first.verdict], ['denied', 'denied']);
      assert.equal(hidden.text, absent.text);
    });

    it('names no other model to a caller who may ask for one that is not there', async () => {
      const [reader] = (await credentials()).filter(({ principal }) => principal === 'reader');
      const [question] = grpcQuestions().filter(({ method, model }) => method === 'status' && model === 'digits-2');
      const { text } = await askGrpc(running.session, question!, reader!);
      assert.match(text, /^5 no model "digits-2" is served here$/);
    });

    it('is asked for each request of a stream, and refused in band', async () => {
      const ask = async (principal: string): Promise<readonly string[]> => {
        const [credential] = (await credentials()).filter((each) => each.principal === principal);
        const path = '/inference.GRPCInferenceService/ModelStreamInfer';
        const stream = openCall(running.session, path, Object.fromEntries(credential!.headers));
        const ended = readMessages(stream);
        for (const model of [SERVED, 'other']) stream.write(frame(bytesField(1, model)));
        stream.end();
        return (await ended).map(
          (bytes) => decode('inference.ModelStreamInferResponse', bytes)['errorMessage'] as string,
        );
      };
      const [served, other] = await ask('caller');
      assert.match(served!, /wants the inputs "pixels"/);
      assert.match(other!, /^no rule of this server allows this caller predict here/);
      assert.ok((await ask('reader')).every((text) => text === other));
    });

    it('is open for health and reflection', async () => {
      const none: Credential = { name: 'none', headers: [], principal: undefined };
      const health = { method: '', model: '', what: '', path: '/grpc.health.v1.Health/Check', body: new Uint8Array(0) };
      assert.equal((await askGrpc(running.session, health, none)).text, '0 ');
      const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
      if (hasFeature('reflection')) {
        assert.equal((await askGrpc(running.session, { ...health, path }, none)).verdict, 'passed');
      }
      for (const name of ['ServerLive', 'ServerReady']) {
        const question = { ...health, path: `/inference.GRPCInferenceService/${name}` };
        assert.equal((await askGrpc(running.session, question, none)).text, '0 ');
      }
    });

    it('leaves refusals, and no key or token, in the audit log', async () => {
      running.session.close();
      await running.app.drain();
      const text = readFileSync(join(directory, `${engine}.audit`), 'utf8');
      const lines = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      assert.ok(lines.every(({ audit }) => audit === true));
      const denied = lines.find(({ reason }) => reason === 'permission_denied');
      assert.deepEqual([denied?.['outcome'], denied?.['surface']], ['refused', 'grpc']);
      assert.match(String(denied?.['by']), /^principal:/);
      assert.ok(
        lines.some(({ lines: left }) => Number(left) > 0),
        'the number of lines that were left out',
      );
      // The owner's reload was allowed, and is wrong.
      assert.ok(lines.some(({ method, outcome }) => method === 'HandleReloadConfigRequest' && outcome === 'failed'));
      for (const { headers } of await credentials()) {
        for (const [, value] of headers) if (value.length > 20) assert.ok(!text.includes(value.split(' ').at(-1)!));
      }
    });
  });
}

describe('access over REST', () => {
  let running: Running;

  before(async () => {
    running = await start('pillion');
  });

  after(async () => {
    running.session.close();
    await running.app.drain();
  });

  const SPELLINGS: Readonly<Record<string, (path: string) => string>> = {
    'as it is': (path) => path,
    'in capitals': (path) => path.replace('/v1/models', '/V1/MODELS'),
    'percent-encoded': (path) => path.replace('/digits', '/%64%69gits').replace('/other', '/oth%65r'),
    'an absolute URL': (path) => `http://elsewhere${path}`,
    'with a query': (path) => `${path}?authorization=Bearer%20${keys.owner.key}&x-api-key=${keys.owner.key}`,
  };

  for (const lane of ['plain', 'node', 'old'] as const) {
    for (const [name, spell] of Object.entries(SPELLINGS)) {
      it(`is decided as the file says, lane ${lane}, path ${name}`, async () => {
        for (const credential of await credentials()) {
          for (const question of restQuestions(spell)) {
            const { method, model, what } = question;
            const { verdict, text } = await askRest(running.rest, question, credential, lane);
            const wanted = oracle(PRINCIPALS, credential.principal, method, 'rest', model);
            assert.equal(verdict, wanted, `${what}, ${credential.name}: ${text}`);
          }
        }
      });
    }
  }

  it('passes no path that is only nearly one of a model', async () => {
    const owner = bearer(keys.owner.key);
    const stranger: Credential = { name: 'none', headers: [], principal: undefined };
    const allowed: Credential = { name: 'owner', headers: [owner], principal: 'owner' };
    for (const path of [
      '//v1/models/digits:predict',
      '/v1//models/digits:predict',
      '/v1/./models/digits:predict',
      '/v1/x/../models/digits:predict',
      '/v1/models/digits:predict/',
      '/v1/models/digits:PREDICT',
      '/v1/models/digits%3Apredict',
      '/v1/models/%2e%2e/digits:predict',
      '/v1/models/x%2Fdigits:predict',
      '/v1/models/digits;x=y:predict',
      '/v1/models/digits%00:predict',
      '/v1/models/%ff:predict',
    ]) {
      const question = { method: '', model: '', what: path, verb: 'POST' as const, path };
      assert.equal((await askRest(running.rest, question, stranger, 'plain')).verdict, 'nobody', path);
      assert.match((await askRest(running.rest, question, allowed, 'plain')).text, /^(404|400|405) /, path);
    }
  });

  it('is refused alike, head and body, for a model that is there and one that is not', async () => {
    for (const credential of await credentials()) {
      const texts = new Map<string, string>();
      for (const question of restQuestions()) {
        const { verdict, text } = await askRest(running.rest, question, credential, 'plain');
        if (verdict === 'passed') continue;
        const first = texts.get(question.method) ?? text;
        texts.set(question.method, first);
        assert.equal(text, first, question.what);
      }
    }
  });

  it('refuses a header that is there twice, whichever way the request is read', async () => {
    const { owner } = keys;
    const [question] = restQuestions();
    const twice: readonly Credential['headers'][] = [
      [bearer(owner.key), bearer(owner.key)],
      [bearer(owner.key), bearer('x')],
      [bearer('x'), bearer(owner.key)],
      [bearer(owner.key), ['Authorization', '']],
      [['AUTHORIZATION', ''], bearer(owner.key)],
      [
        ['x-api-key', owner.key],
        ['X-Api-Key', owner.key],
      ],
      [
        ['x-api-key', owner.key],
        ['X-Api-Key', ''],
      ],
    ];
    for (const lane of ['plain', 'node', 'old'] as const) {
      for (const headers of twice) {
        const credential = { name: 'twice', principal: undefined, headers };
        assert.equal(
          (await askRest(running.rest, question!, credential, lane)).verdict,
          'nobody',
          JSON.stringify(headers),
        );
      }
      const upper: Credential = {
        name: 'upper',
        principal: 'owner',
        headers: [['AUTHORIZATION', `BEARER ${owner.key}`]],
      };
      assert.equal((await askRest(running.rest, question!, upper, lane)).verdict, 'passed');
    }
  });

  it('challenges whoever is not known', async () => {
    const answer = await fetch(`http://${running.rest}/v1/models/digits`);
    assert.deepEqual([answer.status, answer.headers.get('www-authenticate')], [401, 'Bearer realm="pillion"']);
    await answer.body?.cancel();
  });

  it('lists the models alone whose status the caller may ask for', async () => {
    const names = async ({ key }: { readonly key: string }): Promise<readonly string[]> => {
      const answer = await fetch(`http://${running.rest}/v1/models`, { headers: { 'x-api-key': key } });
      assert.equal(answer.status, 200);
      return ((await answer.json()) as { models: { name: string }[] }).models.map(({ name }) => name);
    };
    assert.deepEqual(await names(keys.owner), [SERVED]);
    assert.deepEqual(await names(keys.reader), [SERVED]);
    assert.deepEqual(await names(keys.caller), []);
    assert.deepEqual(await names(keys.mixed), []);
    assert.equal((await fetch(`http://${running.rest}/v1/models`)).status, 401);
  });

  it('does not ask whoever is refused for the body', async () => {
    for (const headers of [[], [`x-api-key: ${keys.reader.key}`]]) {
      const connection = new RawConnection(running.rest);
      connection.send(
        [
          'POST /v1/models/digits:predict HTTP/1.1',
          'host: test',
          'content-length: 1000000',
          'expect: 100-continue',
          ...headers,
          '\r\n',
        ].join('\r\n'),
      );
      const { status } = await connection.answer();
      assert.equal(status, headers.length === 0 ? 401 : 403);
      connection.destroy();
    }
  });

  it('answers each JWT that is new for the body that came with it, whatever is read meanwhile', async () => {
    const bodies = Array.from({ length: 8 }, (_, i) =>
      JSON.stringify({ instances: [Array.from({ length: 64 }, (_, at) => (at * (i + 3)) % 17)] }),
    );
    const connections = bodies.map(() => new RawConnection(running.rest));
    await Promise.all(connections.map((connection) => connection.opened()));
    const ask = async (tokens: readonly string[]): Promise<readonly string[]> => {
      for (const [i, connection] of connections.entries()) {
        connection.post('/v1/models/digits:predict', bodies[i]!, [`authorization: Bearer ${tokens[i]}`]);
      }
      const answers = await Promise.all(connections.map((connection) => connection.answer()));
      return answers.map(({ status, body }) => `${status} ${body.toString()}`);
    };
    const tokens = await Promise.all(bodies.map((_, i) => issuer.token({ sub: 'holder', jti: `${i}` })));
    const first = await ask(tokens);
    // Now that they are known, nobody waits.
    assert.deepEqual(first, await ask(tokens));
    assert.equal(new Set(first).size, bodies.length);
    assert.ok(first.every((answer) => answer.startsWith('200 ')));
    const strangers = await Promise.all(bodies.map(() => issuer.token({ sub: 'stranger' })));
    assert.ok((await ask(strangers)).every((answer) => answer.startsWith('401 ')));
    for (const connection of connections) connection.destroy();
  });
});
