/** A SavedModel whose graph reads, lists and writes files, which TensorFlow has ops for, in its sandbox. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, it } from 'node:test';
import { describeSandbox } from '../../../../src/admin/describe-sandbox.ts';
import { nativesDirectory } from '../../../../src/backends/natives-directory.ts';
import { hasFeature } from '../../../support/has-feature.ts';
import {
  hidesFiles,
  openDirectory,
  pathWith,
  plantCanaries,
  SECRET,
  SECRET_VARIABLES,
  sandboxOf,
  secretReads,
  TOOLS,
} from '../../../support/sandboxes.ts';
import { shapeAttr, type TfModel, type TfTensorInfo, typeAttr, writeSavedModel } from '../../../support/saved-model.ts';
import { killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';

afterEach(killSidecars);

const text = (name: string, shape: readonly number[] = []): TfTensorInfo => ({ name, dtype: 'string', shape });
const placeholder = (name: string) => ({
  name,
  op: 'Placeholder',
  attrs: { dtype: typeAttr('string'), shape: shapeAttr([]) },
});

/** tf.io.read_file, tf.io.matching_files, and tf.io.write_file, which answers with the path. */
const NOSY: TfModel = {
  nodes: [
    placeholder('path'),
    placeholder('contents'),
    { name: 'read', op: 'ReadFile', inputs: ['path'], attrs: {} },
    { name: 'match', op: 'MatchingFiles', inputs: ['path'], attrs: {} },
    { name: 'write', op: 'WriteFile', inputs: ['path', 'contents'], attrs: {} },
    { name: 'written', op: 'Identity', inputs: ['path', '^write'], attrs: { T: typeAttr('string') } },
  ],
  signatures: {
    read: { inputs: { path: text('path:0') }, outputs: { told: text('read:0') } },
    list: { inputs: { path: text('path:0') }, outputs: { told: text('match:0', [-1]) } },
    write: {
      inputs: { path: text('path:0'), contents: text('contents:0') },
      outputs: { told: text('written:0') },
    },
  },
};

for (const tools of TOOLS) {
  it(`a SavedModel reads no secret and writes nowhere, as far as PATH has tools: ${tools}`, {
    skip: !hasFeature('sandbox'),
  }, async (t) => {
    const base = openDirectory(t);
    writeSavedModel(join(base, '1'), NOSY);
    const canaries = plantCanaries(t);
    const secrets = Object.fromEntries(SECRET_VARIABLES.map((name) => [name, SECRET]));
    const places = { PATH: pathWith(t, tools), TMPDIR: openDirectory(t, 0o777) };
    const natives = { PILLION_NATIVES_DIRECTORY: nativesDirectory() };
    const sidecar = await startSidecar([`--model=m=${base}`], { ...secrets, ...natives, ...places });
    const state = await sandboxOf(sidecar);
    t.diagnostic(`sandbox here: ${describeSandbox(state)}`);
    // The model works.
    assert.ok((await tell(sidecar, 'read', join(base, '1', 'saved_model.pb'))).includes('MatchingFiles'));
    const attack = { ...canaries, pid: sidecar.process.pid!, port: '' };
    for (const path of secretReads(attack, state)) {
      assert.ok(!(await tell(sidecar, 'read', path)).includes(SECRET), `${path} told a secret`);
    }
    if (hidesFiles(state)) {
      const file = join(canaries.writable, 'written');
      // It may write into its own /tmp.
      await tell(sidecar, 'write', file, 'x');
      assert.ok(!existsSync(file));
      assert.match(await tell(sidecar, 'write', '/written', 'x'), /error/);
      assert.match(await tell(sidecar, 'write', join(base, '1', 'saved_model.pb'), 'x'), /error/);
      if (state.level === 'full') {
        const processes = new RegExp(`/proc/${sidecar.process.pid}/`);
        assert.doesNotMatch(await tell(sidecar, 'list', '/proc/*/environ'), processes);
      }
      assert.notEqual(readFileSync(join(base, '1', 'saved_model.pb'), 'latin1'), 'x');
    }
    assert.equal(await sidecar.stop(), 0);
  });
}

/** What the graph answers, or the error's text. */
async function tell({ rest }: Sidecar, signature_name: string, path: string, contents?: string): Promise<string> {
  const body = JSON.stringify({ signature_name, inputs: { path, ...(contents !== undefined && { contents }) } });
  const answer = await fetch(`${rest}/v1/models/m:predict`, { method: 'POST', body });
  const { outputs, error } = (await answer.json()) as { readonly outputs?: unknown; readonly error?: string };
  if (error !== undefined) return `error: ${error}`;
  const asText = (value: unknown): string =>
    typeof value === 'object' && value !== null && 'b64' in value
      ? Buffer.from(value.b64 as string, 'base64').toString('latin1')
      : String(value);
  return Array.isArray(outputs) ? outputs.map(asText).join('\n') : asText(outputs);
}
