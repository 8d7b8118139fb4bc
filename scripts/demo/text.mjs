/**
 * npm run demo -- text: a search by meaning over this project's own pages. Makes an ONNX model of all-MiniLM-L6-v2's
 * published weights, serves it, sends it the pages' paragraphs as texts, and shows which of them answer some questions.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root, say } from '../lib/setup.mjs';
import { ensureTextModel } from '../lib/text-model.mjs';
import { startSidecar } from './sidecar-process.mjs';

const QUESTIONS = [
  'What happens to a request when its deadline has passed?',
  'How do I stop one client from taking all the capacity?',
  'Which file says who may use a model?',
  'Why did my model not get batched?',
];
const FOLDERS = ['docs/how-to', 'docs/why'];
const SHORTEST = 80;
const TEXTS_A_REQUEST = 32;
/** Embedders are sent so much at once: the server keeps its cores busy with it. */
const REQUESTS_AT_ONCE = 4;
const SHOWN = 2;
const SHOWN_CHARACTERS = 150;

/** Paragraphs of a page, each with its heading before it. */
function paragraphsOf(file) {
  const found = [];
  let heading = '';
  for (const block of readFileSync(file, 'utf8')
    .replaceAll(/```.*?```/gs, '')
    .split(/\n\s*\n/)) {
    const [, title] = /^#+ (.*)/.exec(block) ?? [];
    if (title !== undefined) heading = title;
    const text = block
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replaceAll(/[`*#|]/g, '')
      .replaceAll(/\s+/g, ' ')
      .trim();
    if (title === undefined && text.length >= SHORTEST) found.push({ page: relative(root, file), heading, text });
  }
  return found;
}

/** Embeddings of texts: the server's answers to plain POST requests. */
async function embed(url, texts) {
  const answer = await fetch(`${url}/v1/models/minilm:predict`, {
    method: 'POST',
    body: JSON.stringify({ instances: texts }),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  return body.predictions;
}

/** Some requests at a time, so that their texts share runs. */
async function embedAll(url, texts) {
  const vectors = new Array(texts.length);
  let from = 0;
  const work = async () => {
    while (from < texts.length) {
      const at = from;
      from += TEXTS_A_REQUEST;
      for (const [i, vector] of (await embed(url, texts.slice(at, at + TEXTS_A_REQUEST))).entries())
        vectors[at + i] = vector;
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, work));
  return vectors;
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

async function search(url) {
  const files = FOLDERS.flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)));
  const paragraphs = files.filter((file) => file.endsWith('.md')).flatMap(paragraphsOf);
  const startedAt = performance.now();
  const vectors = await embedAll(
    url,
    paragraphs.map(({ heading, text }) => `${heading}: ${text}`),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const pages = new Set(paragraphs.map(({ page }) => page)).size;
  console.log(
    `\n${paragraphs.length} paragraphs of ${pages} pages are vectors of ${vectors[0].length} numbers after ${seconds.toFixed(1)} s.`,
  );
  for (const [i, asked] of (await embed(url, QUESTIONS)).entries()) {
    console.log(`\n${QUESTIONS[i]}`);
    const ranked = paragraphs.map((each, at) => ({ ...each, score: dot(asked, vectors[at]) }));
    for (const { page, heading, text, score } of ranked.sort((a, b) => b.score - a.score).slice(0, SHOWN)) {
      console.log(`  ${score.toFixed(2)}  ${page}, “${heading}”\n        ${text.slice(0, SHOWN_CHARACTERS)}…`);
    }
  }
}

export async function demoText(keep) {
  const { base } = ensureTextModel();
  say('Starting the sidecar on all-MiniLM-L6-v2');
  const ports = [
    '--port=0',
    '--rest_api_port=0',
    '--admin_port=0',
    '--bind_address=127.0.0.1',
    '--rest_api_timeout_in_ms=300000',
  ];
  const sidecar = await startSidecar([`--model=minilm=${base}`, ...ports]);
  const url = `http://${sidecar.addresses.rest[0]}`;
  try {
    await search(url);
  } finally {
    if (!keep) console.log(`\nThe sidecar drained and ended with status ${await sidecar.stop()}.`);
  }
  if (!keep) return;
  console.log(`\nThe sidecar stays up (Ctrl-C ends it):`);
  console.log(`  curl -d '${JSON.stringify({ instances: [QUESTIONS[0]] })}' ${url}/v1/models/minilm:predict`);
  process.on('SIGINT', () => sidecar.child.kill('SIGINT'));
  process.exitCode = await sidecar.exited;
}
