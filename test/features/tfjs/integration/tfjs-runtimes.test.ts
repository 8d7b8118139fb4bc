/** One model, several runtimes: digits as ONNX, SavedModel and model of TensorFlow.js in one version directory. */
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import type { ModelsReport, VersionReport } from '../../../../src/admin/models-report.ts';
import type { ShadowReport } from '../../../../src/admin/runtime-report.ts';
import { killSidecars, type LogLine, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

after(killSidecars);

const MODELS = 'examples/digits/models';
const TOGETHER = `${MODELS}/digits_runtimes`;
const SCANS = JSON.parse(readFileSync('examples/digits/scans.json', 'utf8')) as { pixels: number[] }[];
const EXPECTED = JSON.parse(readFileSync('examples/digits/expected.json', 'utf8')) as { digit: number }[];

/** A copy of digits_runtimes, to be changed. */
function copyOf(t: TestContext): string {
  const base = join(tempDirectory(t), 'digits');
  cpSync(TOGETHER, base, { recursive: true });
  return base;
}

async function readDigits({ rest }: Sidecar): Promise<number[]> {
  const body = JSON.stringify({ instances: SCANS.map(({ pixels }) => pixels) });
  const answer = await fetch(`${rest}/v1/models/digits:predict`, { method: 'POST', body });
  const json = (await answer.json()) as { predictions: { digit: number }[] };
  return json.predictions.map(({ digit }) => digit);
}

async function versionOf({ admin }: Sidecar): Promise<VersionReport> {
  const report = (await (await fetch(`${admin}/models`)).json()) as ModelsReport;
  return report.models[0]!.versions[0]!;
}

/** The shadow, once it has compared a batch. Rejects where it leaves one out. */
async function comparedBy(sidecar: Sidecar): Promise<ShadowReport> {
  for (;;) {
    const { shadow } = await versionOf(sidecar);
    assert.deepEqual(shadow!.left_out, { busy: 0, too_large: 0, failed: 0 });
    if (shadow!.compared > 0) return shadow!;
  }
}

const digits = EXPECTED.map(({ digit }) => digit);
const isAboutShadow = (text: RegExp) => (line: LogLine) => line.event === 'shadow' && text.test(line.msg ?? '');

describe('digits on several runtimes', () => {
  it('lie together as they lie apart', async () => {
    const found = new Map<string, Buffer>();
    // The last one's pillion.yaml counts.
    for (const name of ['digits_tensorflow', 'digits_tfjs', 'digits']) {
      const from = join(MODELS, name, '1');
      for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        found.set(path.slice(from.length), readFileSync(path));
      }
    }
    const together = await readdir(join(TOGETHER, '1'), { recursive: true, withFileTypes: true });
    assert.equal(together.filter((entry) => entry.isFile()).length, found.size);
    for (const [path, bytes] of found) assert.ok(readFileSync(join(TOGETHER, '1', path)).equals(bytes), path);
  });

  it('auto times all three, keeps one, and says so; a shadow on another one finds no difference', async () => {
    const sidecar = await startSidecar([`--model=digits=${TOGETHER},runtime=auto,shadow=auto,shadow_sample=1`]);
    const line = await sidecar.line(({ event }) => event === 'runtime');
    assert.deepEqual(Object.keys(line['candidates'] as object), ['onnx', 'saved_model', 'tfjs_model']);
    const { runtime } = await versionOf(sidecar);
    assert.equal(line['runtime'], runtime!.kind);
    for (const { runtime: kind, outcome, times, relative_cost: cost } of runtime!.candidates!) {
      assert.equal(outcome, kind === runtime!.kind ? 'chosen' : 'slower');
      assert.ok(outcome === 'chosen' || cost! >= 1, `${kind} ${cost}`);
      // Up to 64, or as many as a busy machine runs in a second.
      const rows = times.map((time) => time.rows);
      assert.deepEqual(rows, [1, 2, 4, 8, 16, 32, 64].slice(0, rows.length), kind);
      assert.ok(rows.length > 0, kind);
    }
    const { runtime: other } = await sidecar.line(isAboutShadow(/its shadow runs on/));
    assert.notEqual(other, runtime!.kind);
    assert.deepEqual(await readDigits(sidecar), digits);
    await sidecar.stop();
  });

  it('a shadow of TensorFlow.js agrees with ONNX Runtime on every scan, its int32 digits too', async () => {
    const sidecar = await startSidecar([`--model=digits=${TOGETHER},shadow=tfjs_model,shadow_sample=1`]);
    await sidecar.line(isAboutShadow(/its shadow runs on tfjs_model/));
    assert.deepEqual(await readDigits(sidecar), digits);
    const shadow = await comparedBy(sidecar);
    const [probabilities, digit] = shadow.outputs;
    assert.deepEqual([shadow.different, digit], [0, { output: 'digit', mismatches: 0 }]);
    assert.ok(probabilities!.max_absolute! < 1e-5);
    assert.ok(shadow.latency_ratio! > 0);
    assert.equal((await versionOf(sidecar)).runtime!.kind, 'onnx', 'the first that knows the files');
    await sidecar.stop();
  });

  it('auto passes over what cannot be loaded and what is another model', async (t) => {
    const base = copyOf(t);
    writeFileSync(join(base, '1', 'saved_model.pb'), 'no graph');
    const path = join(base, '1', 'model.json');
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('"digit"', '"number"'));
    const sidecar = await startSidecar([`--model=digits=${base},backend=auto`]);
    const { runtime } = await versionOf(sidecar);
    assert.deepEqual([runtime!.kind, runtime!.reason], ['onnx', 'no other artifact can be used']);
    const [, saved, json] = runtime!.candidates!;
    assert.match(saved!.reason!, /saved_model/);
    assert.match(json!.reason!, /output "number" too|no output "digit"/);
    assert.deepEqual(await readDigits(sidecar), digits);
    await sidecar.stop();
  });

  it('the model’s own pillion.yaml may ask for it', async (t) => {
    const base = copyOf(t);
    const directory = join(base, '1');
    for (const file of ['model.onnx', 'pillion.yaml']) rmSync(join(directory, file));
    writeFileSync(join(directory, 'pillion.yaml'), 'runtime: auto\nshadow: {runtime: tfjs_model, sample: 1}\n');
    const sidecar = await startSidecar([`--model=digits=${base}`]);
    const { runtime } = await versionOf(sidecar);
    assert.deepEqual(
      runtime!.candidates!.map((each) => each.runtime),
      ['saved_model', 'tfjs_model'],
    );
    const { metadata } = (await (await fetch(`${sidecar.rest}/v1/models/digits/metadata`)).json()) as {
      metadata: { signature_def: { signature_def: Record<string, { outputs: { digit: { dtype: string } } }> } };
    };
    const { serving_default: served } = metadata.signature_def.signature_def;
    assert.equal(served!.outputs.digit.dtype, 'DT_INT64');
    assert.deepEqual(await readDigits(sidecar), digits);
    await sidecar.stop();
  });
});
