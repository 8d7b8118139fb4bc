/** Classify and Regress in the playground: what it is told of features, what it asks, and the code that it prints, run. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import type { ModelDetail, SignatureDetail } from '../../../../src/admin/model-detail.ts';
import type { RequestEntry } from '../../../../src/admin/request-entry.ts';
import type { About } from '../../../../src/features/console/ui/about.ts';
import {
  type CallTarget,
  type SampleLanguage,
  sample,
} from '../../../../src/features/console/ui/playground/code-samples.ts';
import { bodyOf, verbOf } from '../../../../src/features/console/ui/playground/signature-form.ts';
import { killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { writeSurfaceModels } from '../../../support/surface-models.ts';

let sidecar: Sidecar;
let signatures: ReadonlyMap<string, SignatureDetail>;
let about: About;

const models = mkdtempSync(join(tmpdir(), 'pillion-playground-'));

before(async () => {
  sidecar = await startSidecar(writeSurfaceModels(models, ['examples']));
  const detail = (await (await fetch(`${sidecar.admin}/models/examples`)).json()) as ModelDetail;
  signatures = new Map(detail.loaded[0]!.signatures.map((each) => [each.name, each]));
  about = (await (await fetch(`${sidecar.admin}/about`)).json()) as About;
});

after(() => {
  killSidecars();
  rmSync(models, { recursive: true, force: true });
});

const X = new Map<string, unknown>([['x', [1, 2, 3, 4]]]);

function bodyFor(signature: string): string {
  return JSON.stringify(bodyOf(signatures.get(signature)!, X));
}

function ask(verb: string, body: string): Promise<Response> {
  const headers = { 'x-pillion-console': '1' };
  return fetch(`${sidecar.admin}/playground/${verb}?model=examples`, { method: 'POST', headers, body });
}

describe('a request by its path', () => {
  const send = (method: string, path: string, body?: string): Promise<Response> =>
    fetch(`${sidecar.admin}/playground/request?${new URLSearchParams({ method, path })}`, {
      ...{ method: 'POST', headers: { 'x-pillion-console': '1' } },
      ...(body !== undefined && { body }),
    });

  it('is answered as on the REST port', async () => {
    for (const path of ['/v1/models', '/v1/models/examples/metadata']) {
      const [own, same] = [await send('GET', path), await fetch(`${sidecar.rest}${path}`)];
      assert.deepEqual([own.status, await own.json()], [200, await same.json()]);
    }
    const body = JSON.stringify({ instances: [[1, 2, 3, 4]] });
    const answer = await send('POST', '/v1/models/examples/versions/1:predict', body);
    assert.deepEqual([answer.status, Object.keys((await answer.json()) as object)], [200, ['predictions']]);
    assert.equal(answer.headers.get('content-type'), 'application/json');
  });

  it('is refused where it is a page, changes the server, or is not there', async () => {
    const cases: [method: string, path: string, status: number, text: RegExp][] = [
      ['GET', '/monitoring/prometheus/metrics', 400, /on the REST port alone/],
      ['GET', '/openapi.json', 400, /on the REST port alone/],
      ['POST', '/v2/logging', 403, /changes the server/],
      ['POST', '/v2/models/examples/generate_stream', 400, /a stream of events/],
      ['GET', '/v1/models/examples:predict', 405, /use POST/],
      ['GET', '/nothing', 404, /no such path/],
      ['GET', '/nothing/at/all', 404, /no such path/],
      ['GET', '*', 404, /no such path/],
    ];
    for (const [method, path, status, text] of cases) {
      const refused = await send(method, path, method === 'POST' ? '{}' : undefined);
      assert.deepEqual([refused.status, path], [status, path]);
      assert.match(await refused.text(), text);
    }
    const unguarded = await fetch(`${sidecar.admin}/playground/request?method=GET&path=/v1/models`, { method: 'POST' });
    assert.equal(unguarded.status, 403);
  });
});

describe('the playground', () => {
  it('is told what an example holds', () => {
    assert.deepEqual(signatures.get('classify')!.features, [
      { name: 'x', kind: 'float32', shape: [4], is_optional: false },
    ]);
    assert.deepEqual(signatures.get('filled')!.features, [
      { name: 'value', kind: 'float32', shape: [4], is_optional: true, default: 0.5 },
    ]);
    assert.equal(signatures.get('serving_default')!.features, undefined);
  });

  it('answers as REST does, and the request is recorded under its method', async () => {
    for (const verb of ['classify', 'regress']) {
      const answer = await ask(verb, bodyFor(verb));
      const same = await fetch(`${sidecar.rest}/v1/models/examples:${verb}`, { method: 'POST', body: bodyFor(verb) });
      assert.deepEqual([answer.status, await answer.json()], [200, await same.json()]);
      const id = answer.headers.get('x-request-id');
      const recorded = (await (await fetch(`${sidecar.admin}/requests/${id}`)).json()) as RequestEntry;
      assert.deepEqual([recorded.peer, recorded.method.toLowerCase(), recorded.outcome], ['console', verb, 'ok']);
    }
  });

  it('hears what is wrong', async () => {
    const cases: [verb: string, body: string, status: number, text: RegExp][] = [
      ['classify', '{"signature_name":"classify","examples":[{}]}', 400, /missing and has no default/],
      ['classify', '{"signature_name":"regress","examples":[{"x":[1,2,3,4]}]}', 400, /regress/],
      ['regress', '{"examples":[]}', 400, /examples.* is empty/],
      ['explain', '{}', 405, /only GET and HEAD/],
    ];
    for (const [verb, body, status, text] of cases) {
      const refused = await ask(verb, body);
      assert.equal(refused.status, status, verb);
      assert.match(await refused.text(), text);
    }
  });
});

/** A module that takes the place of the client, and prints what it is asked to send. */
const FAKE_REQUESTS = `import json, sys, types
fake = types.ModuleType("requests")
def post(url, json, timeout, headers={}):
    print(__import__("json").dumps([url, json, headers]))
    return types.SimpleNamespace(raise_for_status=lambda: None, json=lambda: "")
fake.post = post
sys.modules["requests"] = fake
`;

describe('hostile names and texts in Python', () => {
  for (const text of [`'); print("owned") #`, '"""\n\\', '\u202e\u2028\u0000\ud800 {x} %s']) {
    it(`are values as they are: ${JSON.stringify(text)}`, () => {
      const python = process.env['PILLION_TEST_PYTHON'];
      assert.ok(python, 'PILLION_TEST_PYTHON names the environment of test/clients/requirements.txt; npm test sets it');
      const model = text.replaceAll('\ud800', '');
      const target: CallTarget = {
        ...{ rest: ['[::]:8501'], isTls: false, grpc: [], isGrpcTls: false, wantsKey: true },
        ...{ verb: 'predict', model, version: undefined, features: [] },
      };
      const body = JSON.stringify({ instances: [{ [text]: text }] });
      const { stdout, stderr } = spawnSync(python, ['-'], {
        input: FAKE_REQUESTS + sample('Python', target, body),
        encoding: 'utf8',
        env: { ...process.env, PILLION_KEY: 'a key' },
      });
      const [url, sent, headers] = JSON.parse(stdout || `"${stderr}"`) as [string, unknown, unknown];
      assert.equal(url, `http://localhost:8501/v1/models/${encodeURIComponent(model)}:predict`);
      assert.deepEqual([sent, headers], [JSON.parse(body), { authorization: 'Bearer a key' }]);
    });
  }
});

describe('the code that it prints', () => {
  const RESULTS: Readonly<Record<string, RegExp>> = {
    classify: /label: "d"[\s\S]*score: 9|'d', 9/,
    regress: /value: 10|\[\s*10\s*\]/,
  };

  function code(language: SampleLanguage, name: string): string {
    const signature = signatures.get(name)!;
    const target: CallTarget = {
      ...{ rest: about.rest!, isTls: about.rest_is_tls, grpc: about.grpc!, isGrpcTls: about.grpc_is_tls },
      ...{ verb: verbOf(signature)!, model: 'examples', version: '1', features: signature.features! },
    };
    return sample(language, target, bodyFor(name));
  }

  function run(program: string, args: readonly string[], input = ''): string {
    const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stdout;
  }

  for (const name of ['classify', 'regress']) {
    it(`gets the same answer with TensorFlow Serving's Python client: ${name}`, () => {
      const python = process.env['PILLION_TEST_PYTHON'];
      assert.ok(python, 'PILLION_TEST_PYTHON names the environment of test/clients/requirements.txt; npm test sets it');
      assert.match(run(python, ['test/clients/run_sample.py'], code('Python', name)), RESULTS[name]!);
    });

    it(`gets the same answer with fetch: ${name}`, () => {
      const program = ['--input-type=module', '-e', code('TypeScript', name)];
      assert.match(run(process.execPath, program), RESULTS[name]!);
    });
  }
});
