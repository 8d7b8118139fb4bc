/** What ONNX Runtime would tell its vendor by itself, it does not, wherever a model runs; but where the operator asks. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, it } from 'node:test';
import { killSidecars } from '../support/sidecar.ts';
import { assertTellsNobody, startWatched, type WatchedSidecar } from '../support/watched-sidecar.ts';

afterEach(killSidecars);

const DIGITS = 'examples/digits/models/digits';
const HOSTS = {
  inline: 'host=inline',
  thread: 'host=thread',
  process: 'host=process',
  group: 'process_group=g',
};
const MODELS = Object.entries(HOSTS).map(([name, keys]) => `--model=${name}=${DIGITS},${keys}`);
const [SCAN] = JSON.parse(readFileSync('examples/digits/scans.json', 'utf8')) as { pixels: number[]; label: number }[];

it('no host and no replica writes, calls or asks for anything; the operator turns that on, for one server', {
  timeout: 120_000,
}, async (t) => {
  const quiet = await startWatched(t, MODELS);
  for (const model of Object.keys(HOSTS)) assert.equal(await digitOf(quiet, model), SCAN!.label);
  assertTellsNobody(quiet);
  for (const model of ['thread', 'process']) await profile(quiet, model);
  assertTellsNobody(quiet);

  const talkative = await startWatched(t, MODELS, '0');
  assert.equal(await digitOf(talkative, 'inline'), SCAN!.label);
  assert.throws(() => assertTellsNobody(talkative));
  assert.ok(talkative.filesLeft().some((path) => /^cache\/.*\.db$/.test(path)));
  assert.ok(talkative.filesLeft().some((path) => /^temporary\/mat-debug-\d+\.log$/.test(path)));

  assertTellsNobody(quiet);
  assert.equal(await quiet.stop(), 0);
  assert.deepEqual(quiet.filesLeft(), []);
  assert.deepEqual(quiet.asked, []);
  assert.equal(await talkative.stop(), 0);
});

async function digitOf({ rest }: WatchedSidecar, model: string): Promise<number> {
  const body = JSON.stringify({ instances: [SCAN!.pixels] });
  const answer = await fetch(`${rest}/v1/models/${model}:predict`, { method: 'POST', body });
  assert.equal(answer.status, 200);
  const { predictions } = (await answer.json()) as { predictions: [{ digit: number }] };
  return predictions[0].digit;
}

async function profile({ admin }: WatchedSidecar, model: string): Promise<void> {
  const headers = { 'x-pillion-console': '1' };
  const answer = await fetch(`${admin}/profile?seconds=1&model=${model}`, { headers });
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /Gemm/);
}
