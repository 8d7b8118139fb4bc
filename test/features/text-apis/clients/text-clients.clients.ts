/**
 * The clients that people use for embeddings and reranking, for Python and Node, unchanged: against `pillion serve` with
 * an embedder, a reranker and a classifier. `npm test -- text-clients`.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, it } from 'node:test';
import { promisify } from 'node:util';
import { killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { embeddingOf, idsOf, logitsOf, sigmoid, softmax, writeTinyModel } from '../tiny-models.ts';

const SCRIPT = 'test/features/text-apis/clients/text_clients.py';
const NODE_SCRIPT = 'test/features/text-apis/clients/text-clients.mjs';
/** As in the scripts. */
const TEXTS = ['red cat', 'a blue bird in the tree', 'house', 'green dog, red bird'];

/** A classifier with these also says whether one text follows from another. */
const LABELS = ['contradiction', 'neutral', 'entailment'];
const ENTAILMENT = `  labels: [${LABELS.join(', ')}]\n`;
const CANDIDATES = ['cat', 'dog', 'bird'];

const directory = mkdtempSync(join(tmpdir(), 'text-clients-'));
let sidecar: Sidecar;

before(async () => {
  const dimensions = '  dimensions: [2, 4]\n';
  const models = [
    `--model=embedder=${writeTinyModel(join(directory, 'embedder'), 'embedding', dimensions)}`,
    `--model=reranker=${writeTinyModel(join(directory, 'reranker'), 'reranking')}`,
    `--model=classifier=${writeTinyModel(join(directory, 'classifier'), 'classification', ENTAILMENT)}`,
    `--model=entities=${writeTinyModel(join(directory, 'entities'), 'token-classification')}`,
    `--model=masks=${writeTinyModel(join(directory, 'masks'), 'fill-mask')}`,
  ];
  sidecar = await startSidecar(models);
});

after(async () => {
  const status = await sidecar.stop();
  killSidecars();
  rmSync(directory, { recursive: true });
  assert.equal(status, 0);
});

function expected(): object {
  const ranks = TEXTS.map((text, i) => [i, sigmoid(logitsOf(1, TEXTS[0]!, text)[0]!)] as const);
  ranks.sort(([i, a], [j, b]) => b - a || i - j);
  const classes = softmax(logitsOf(LABELS.length, TEXTS[0]!));
  const source = embeddingOf(TEXTS[0]!);
  const follows = CANDIDATES.map((each) => logitsOf(LABELS.length, TEXTS[0]!, `This example is ${each}.`)[2]!);
  const zeroShot = softmax(follows);
  return {
    embeddings: TEXTS.map(embeddingOf),
    tokens: TEXTS.reduce((all, text) => all + idsOf(text).length, 0),
    ids: idsOf(TEXTS[0]!).slice(1, -1),
    all_ids: idsOf(TEXTS[0]!),
    ranks,
    classes: Object.fromEntries(LABELS.map((label, i) => [label, classes[i]])),
    cosines: TEXTS.map((text) => embeddingOf(text).reduce((sum, each, i) => sum + each * source[i]!, 0)),
    zero_shot: Object.fromEntries(CANDIDATES.map((label, i) => [label, zeroShot[i]])),
  };
}

/** Functions of the script that are no client's. */
const PARTS = new Set(['main', 'hub_calls']);
const clients = [...readFileSync(SCRIPT, 'utf8').matchAll(/^def (\w+)\(\):/gm)].map(([, name]) => name!);

for (const client of clients.filter((name) => !PARTS.has(name))) {
  it(`${client} for Python`, async () => {
    const python = process.env['PILLION_TEXT_PYTHON'];
    assert.ok(python, 'PILLION_TEXT_PYTHON names the environment of requirements.txt here; npm test sets it');
    const words = [SCRIPT, client, sidecar.rest, JSON.stringify(expected())];
    const { stdout } = await promisify(execFile)(python, words, { env: { ...process.env, HF_HUB_OFFLINE: '0' } });
    assert.match(stdout, /(^|\n)ok\n$/);
  });
}

for (const client of ['openai', 'cohere', 'huggingface']) {
  it(`${client} for Node`, async () => {
    const packages = process.env['PILLION_TEXT_NODE'] ?? '';
    const words = [NODE_SCRIPT, client, sidecar.rest, JSON.stringify(expected()), packages];
    const { stdout } = await promisify(execFile)(process.execPath, words);
    assert.match(stdout, /(^|\n)ok\n$/);
  });
}
