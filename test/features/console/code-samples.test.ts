import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { describe, it } from 'node:test';
import { type HttpCall, httpCode } from '../../../src/features/console/ui/code/http-code.ts';
import { type CallTarget, languagesOf, sample } from '../../../src/features/console/ui/playground/code-samples.ts';

/** Each would end a quotation, begin a command or a comment, or be hidden, where it is not quoted for its language. */
const HOSTILE = [
  `a'; touch /tmp/pillion-owned; '`,
  '$(id) `id` $HOME !! "x" \\" \\\' \\',
  `"); import os; os.system("id"); ("`,
  '\'\'\'"""\n#{}*/ //<!-- </script>',
  '\u202egnihton\u2028\u2029\u0000\u001b[2J\u007f\ud800',
  '%s %n [1-9]{a,b} ~ * ? & | ; < >',
];

const target: CallTarget = {
  ...{ rest: ['[::]:8501'], isTls: false, grpc: ['[::]:8500'], isGrpcTls: false },
  ...{ verb: 'predict', model: 'm', version: undefined, features: [] },
};

/** A model's name is in a path, which has no half of a pair. */
const nameOf = (text: string): string => text.replaceAll('\ud800', '');

/** The words that a shell makes of a command that begins with curl. */
function shellWords(command: string, environment: NodeJS.ProcessEnv = {}): readonly string[] {
  const script = `curl() { printf '%s\\0' "$@"; }\n${command}`;
  const { stdout, stderr } = spawnSync('sh', ['-c', script], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  assert.equal(stderr, '');
  return stdout.split('\0').slice(0, -1);
}

/** What the code hands to fetch. */
async function fetched(code: string): Promise<readonly [url: string, init: RequestInit]> {
  let seen: readonly [string, RequestInit] | undefined;
  const fetch = (url: string, init: RequestInit): Promise<object> => {
    seen = [url, init];
    return Promise.resolve({ ok: true, json: () => Promise.resolve({}) });
  };
  const quiet = { dir: () => undefined };
  const AsyncFunction = fetched.constructor as new (...words: string[]) => (...given: unknown[]) => Promise<void>;
  await new AsyncFunction('fetch', 'console', code)(fetch, quiet);
  return seen!;
}

describe('hostile names and texts in the code', () => {
  for (const text of HOSTILE) {
    const body = JSON.stringify({ signature_name: text, instances: [{ [text]: text }] });
    const call: CallTarget = { ...target, model: nameOf(text), prefix: `/it's` };
    const url = `http://localhost:8501/it's/v1/models/${encodeURIComponent(nameOf(text))}:predict`;

    it(`are words of a shell as they are: ${JSON.stringify(text)}`, () => {
      const words = shellWords(sample('curl', call, body));
      assert.deepEqual(words.slice(0, 4), [url, '-H', 'content-type: application/json', '-d']);
      assert.deepEqual([JSON.parse(words[4]!), words.length], [JSON.parse(body), 5]);
    });

    it(`are values of TypeScript as they are: ${JSON.stringify(text)}`, async () => {
      const [asked, init] = await fetched(sample('TypeScript', call, body));
      assert.deepEqual([asked, JSON.parse(init.body as string)], [url, JSON.parse(body)]);
    });

    it(`hide nothing from who reads it: ${JSON.stringify(text)}`, () => {
      for (const language of languagesOf({ ...call, dtypes: new Map([[text, 'string']]) }, body)) {
        const code = sample(language, { ...call, dtypes: new Map([[text, 'string']]) }, body);
        assert.doesNotMatch(code, /[^\n\P{C}]|[\u2028\u2029]/u, language);
      }
    });
  }

  it('are a value of TypeScript where a key would set a prototype', async () => {
    const body = '{"instances":[{"__proto__":{"x":1}}]}';
    const [, init] = await fetched(sample('TypeScript', target, body));
    assert.equal(init.body, body);
  });
});

describe('the server in the code', () => {
  const get: HttpCall = { rest: ['10.0.0.7:8501'], isTls: true, wantsKey: true, method: 'GET', path: '/v2' };

  it('is asked with the key of the environment, which is not shown', async () => {
    const words = shellWords(httpCode('curl', get), { PILLION_KEY: `k"e'y $(id)` });
    assert.deepEqual(words, ['https://10.0.0.7:8501/v2', '-H', `authorization: Bearer k"e'y $(id)`]);
    assert.match(
      httpCode('Python', get),
      /import os\nimport requests[\s\S]*f"Bearer \{os\.environ\['PILLION_KEY'\]\}"/,
    );
    process.env['PILLION_KEY'] = 'k';
    const [url, init] = await fetched(httpCode('TypeScript', get));
    delete process.env['PILLION_KEY'];
    assert.deepEqual(
      [url, init.headers, init.method],
      [get.rest.length && 'https://10.0.0.7:8501/v2', { authorization: 'Bearer k' }, undefined],
    );
    const classify: CallTarget = { ...target, wantsKey: true, verb: 'classify' };
    assert.match(sample('Python', classify, '{"examples":[{"x":[1]}]}'), /metadata=\[\("authorization", f"Bearer /);
  });

  it('is asked on its socket where it has no port', () => {
    const words = shellWords(
      httpCode('curl', { ...get, wantsKey: false, isTls: false, rest: [`unix:/run/it's/p.sock`] }),
    );
    assert.deepEqual(words, ['http://localhost/v2', '--unix-socket', `/run/it's/p.sock`]);
  });
});

describe('the call by Triton’s client', () => {
  const dtypes = new Map([
    ['x', 'float32'],
    ['s', 'string'],
  ]);

  it('is there for Predict, where the server has the protocol and the client the types', () => {
    const has = (changes: Partial<CallTarget>, body = '{"instances":[1]}'): boolean =>
      languagesOf({ ...target, dtypes, ...changes }, body).includes('Python, V2');
    assert.equal(has({}), true);
    assert.equal(languagesOf(target, '{"instances":[1]}').includes('Python, V2'), false);
    assert.equal(has({ verb: 'classify' }), false);
    assert.equal(has({ dtypes: new Map([['x', 'bfloat16']]) }), false);
    assert.equal(has({}, '{"instances":[{"s":{"b64":"AA=="}}]}'), false);
  });

  it('has the inputs with their rows, the version, the signature and the key', () => {
    const two = { ...target, dtypes, version: '2', wantsKey: true, prefix: '/p' };
    const code = sample('Python, V2', two, '{"signature_name":"s","instances":[{"x":[1],"s":"a"}]}');
    assert.match(
      code,
      /\("x", "FP32", np\.array\(\[row\["x"\] for row in body\["instances"\]\], dtype=np\.float32\)\)/,
    );
    assert.match(code, /\("s", "BYTES", np\.array\(/);
    assert.match(code, /InferenceServerClient\("localhost:8501\/p"\)/);
    assert.match(code, /infer\("m", inputs, model_version="2", parameters=\{"signature_name": "s"\}, headers=/);
    const whole = { ...target, dtypes: new Map([['x', 'int64']]) };
    assert.match(
      sample('Python, V2', whole, '{"inputs":[1]}'),
      /\("x", "INT64", np\.array\(body\["inputs"\], dtype=np\.int64\)\)/,
    );
  });
});
