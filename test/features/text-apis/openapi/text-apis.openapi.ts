/**
 * The paths of texts in /openapi.json, by programs of others: each path is there, right requests are answered as its schema
 * says, and schemathesis makes more of them, right and wrong. Part of `npm test -- openapi`.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { type LocalApp, localApp } from '../../../support/local-app.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import { type TinyTask, writeTinyModel } from '../tiny-models.ts';

const FOLDER = join(process.cwd(), 'test', 'features', 'text-apis', 'openapi');
const EXAMPLES = Number(process.env['PILLION_OPENAPI_EXAMPLES'] ?? 30);
const TASKS: readonly TinyTask[] = ['embedding', 'reranking', 'classification'];
const PATHS = [
  ...[
    '/v1/embeddings',
    '/v1/rerank',
    '/v2/rerank',
    '/',
    '/embed',
    '/predict',
    '/rerank',
    '/tokenize',
    '/info',
    '/health',
  ],
  ...['', '/embed', '/predict', '/rerank', '/tokenize', '/info'].map((end) => `/v1/models/{model}/tei${end}`),
];
/** Those of texts alone. */
const INCLUDED = `^(/|/(embed|predict|rerank|tokenize|info|health)|/v1/(embeddings|rerank)|/v2/rerank|/v1/models/\\{model\\}/tei.*)$`;

/** Requests that are right, by path. */
const RIGHT: Readonly<Record<string, object>> = {
  '/v1/embeddings': { model: 'embedding', input: ['red cat', 'dog'], encoding_format: 'float' },
  '/v1/rerank': { model: 'reranking', query: 'cat', documents: ['red', { text: 'blue dog' }], top_n: 1 },
  '/v2/rerank': { model: 'reranking', query: 'cat', documents: ['red', 'blue dog'] },
  '/v1/models/{model}/tei': { inputs: 'red cat' },
  '/embed': { inputs: ['red', 'cat'], normalize: true },
  '/predict': { inputs: 'red cat' },
  '/rerank': { query: 'cat', texts: ['red', 'dog'], return_text: true, raw_scores: true },
  '/tokenize': { inputs: 'red cat', model: 'embedding' },
};

function textServer(t: TestContext): Promise<LocalApp> {
  const models = TASKS.map((task) => `--model=${task}=${writeTinyModel(join(tempDirectory(t), task), task)}`);
  return localApp(t, ...models);
}

/** Runs in a directory of its own, as schemathesis writes there. */
async function python(t: TestContext, ...words: readonly string[]): Promise<string> {
  const program = process.env['PILLION_OPENAPI_PYTHON'];
  assert.ok(program, 'PILLION_OPENAPI_PYTHON names the environment of test/openapi/requirements.txt; npm test sets it');
  try {
    return (await promisify(execFile)(program, words, { cwd: tempDirectory(t), maxBuffer: 2 ** 26 })).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    assert.fail(`${words.join(' ')}:\n${stdout}\n${stderr}`);
  }
}

it('the document has each path of texts, and is OpenAPI 3.1', async (t) => {
  const app = await textServer(t);
  const { body } = await app.get('/openapi.json');
  const missing = PATHS.filter((path) => !Object.hasOwn(body.paths, path));
  assert.deepEqual(missing, []);
  const file = join(tempDirectory(t), 'openapi.json');
  writeFileSync(file, JSON.stringify(body));
  assert.match(await python(t, '-m', 'openapi_spec_validator', '--schema', '3.1', file), /OK/);
});

it('right requests and their answers are as their schemas say', async (t) => {
  const app = await textServer(t);
  const calls = [];
  for (const [path, request] of Object.entries(RIGHT)) {
    const { status, body: answer } = await app.post(path.replace('{model}', 'embedding'), request, {
      'content-type': 'application/json',
    });
    assert.equal(status, 200, `${path}: ${JSON.stringify(answer)}`);
    calls.push({ path, request, answer });
  }
  const file = join(tempDirectory(t), 'calls.json');
  writeFileSync(file, JSON.stringify({ document: (await app.get('/openapi.json')).body, calls }));
  const out = await python(t, join(FOLDER, 'validate_calls.py'), file);
  assert.equal(out.match(/as described/g)?.length, 2 * calls.length, out);
});

it('every answer to requests that are made of the schemas is one that the document has', async (t) => {
  const app = await textServer(t);
  const out = await python(
    t,
    ...[
      '-m',
      'schemathesis.cli',
      '--config-file',
      join(FOLDER, 'schemathesis.toml'),
      'run',
      `${app.rest}/openapi.json`,
    ],
    ...[`--max-examples=${EXAMPLES}`, '--suppress-health-check=all', '--warnings=off'],
    ...['--phases=examples,coverage,fuzzing', '--continue-on-failure', `--include-path-regex=${INCLUDED}`],
  );
  assert.match(out, /No issues found/);
  assert.match(out, /Test cases:|passed/);
});
