/** The chart: that it renders, refuses what it does not know, and that its test is one. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, describe, it } from 'node:test';
import { DIGITS, killSidecars, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';
import { CHART, chartValues, documents, helm, type PodSpec, podTemplates, renderChart } from './manifests.ts';

afterEach(killSidecars);

describe('the chart', () => {
  for (const [name, args] of chartValues()) {
    it(`is sound with ${name}`, () => {
      const { status, output } = helm('lint', CHART, '--strict', ...args);
      assert.equal(status, 0, output);
    });
  }

  const refused: readonly [string, readonly string[], RegExp][] = [
    ['a value that there is not', ['--set=replica=2'], /additional properties 'replica' not allowed/],
    ['a nested one', ['--set=drain.delays=2'], /additional properties 'delays' not allowed/],
    ['a mode that there is not', ['--set=mode=daemon'], /value must be one of 'server', 'sidecar', 'job'/],
    ['an application without an image', ['--set=mode=sidecar'], /\/app\/image/],
    ['no model', ['--set-json=models=[]'], /\/models/],
    ['no limit of memory', ['--set-json=resources.limits.memory=null'], /missing property 'memory'/],
    ['keys that the chart sets itself', ['--set=config.probe_port=1'], /\/config/],
    ['no source of models', ['--set=modelSource.init.image='], /modelSource wants/],
  ];
  for (const [what, args, reason] of refused) {
    it(`refuses ${what}`, () => {
      const { status, output } = helm('template', 'digits', CHART, '--kube-version=1.37.2', ...args);
      assert.equal(status, 1, output);
      assert.match(output, reason);
    });
  }

  it('fails its lint with a template that is none', (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'Chart.yaml'), 'apiVersion: v2\nname: broken\nversion: not-a-version\n');
    const { status, output } = helm('lint', directory, '--strict');
    assert.equal(status, 1, output);
  });
});

describe("the chart's test", () => {
  it('passes where the models are served, and fails where one is not', async () => {
    const { rest } = await startSidecar(DIGITS);
    const [test] = [...podTemplates(documents(renderChart([])))].find(([name]) => name.startsWith('Pod '))!.slice(1);
    const [container] = (test as { spec: PodSpec }).spec.containers;
    const served = await call(container!.args!, { SERVER: rest, MODELS: 'digits' });
    assert.equal(served.status, 0, served.output);
    assert.match(served.output, /200 \/v2\/models\/digits\/ready/);
    const missing = await call(container!.args!, { SERVER: rest, MODELS: 'digits other' });
    assert.equal(missing.status, 1, missing.output);
    const unreachable = await call(container!.args!, { SERVER: 'http://127.0.0.1:1', MODELS: 'digits' });
    assert.equal(unreachable.status, 1, unreachable.output);
  });
});

/** As the pod runs it, with the options that the image gives Node. */
async function call(args: readonly string[], env: Record<string, string>): Promise<{ status: number; output: string }> {
  const NODE_OPTIONS = '--max-semi-space-size=16 --disable-proto=delete --disallow-code-generation-from-strings';
  const child = spawn(process.execPath, ['-e', ...args], { env: { ...process.env, ...env, NODE_OPTIONS } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const [status] = await once(child, 'close');
  return { status: status as number, output };
}
