/**
 * The application and the sidecar of deploy/compose, started by podman-compose as the file says, on the image under test. The
 * images of the other services come from a registry, and are not run here. What is changed: the two have no network but
 * their loopback.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { tempDirectory } from '../support/temp-directory.ts';
import { execIn, IMAGE, podman } from './containers.ts';

const run = promisify(execFile);
const PROJECT = 'pillion-compose-test';
const SIDECAR = `${PROJECT}_pillion_1`;
const APP = `${PROJECT}_app_1`;
const OVERRIDE = "services: {pillion: {network_mode: 'none', ports: !reset []}}\n";
const ASK = `for (const url of ['http://127.0.0.1:8000/?x=1,2,5', 'http://127.0.0.1:8503/ready'])
  fetch(url).then(async (answer) => console.log(answer.status, await answer.text()))`;
const PATIENCE_MS = 60_000;
const LOOK_MS = 200;

afterEach(() => podman('pod', 'rm', '--force', '--ignore', '--time=0', `pod_${PROJECT}`));

async function compose(override: string, ...words: readonly string[]): Promise<void> {
  const files = ['deploy/compose/compose.yaml', override].flatMap((file) => ['--file', file]);
  const env = { ...process.env, PILLION_IMAGE: IMAGE };
  await run(process.env['PILLION_TEST_COMPOSE']!, ['--project-name', PROJECT, ...files, ...words], { env });
}

/** Until the output of the command in the container has both. */
async function answers(): Promise<string> {
  const started = performance.now();
  for (;;) {
    const { output } = await execIn(APP, '/usr/bin/node', '-e', ASK);
    if (/predictions/.test(output) && /ready/.test(output)) return output;
    if (performance.now() - started > PATIENCE_MS) throw new Error(output);
    await pause(LOOK_MS);
  }
}

describe('deploy/compose', () => {
  it('has an application that the sidecar answers, and a health check that is met', async (t) => {
    const override = join(tempDirectory(t), 'override.yaml');
    writeFileSync(override, OVERRIDE);
    await compose(override, 'up', '--detach', 'pillion', 'app');
    const output = await answers();
    assert.match(output, /^200 \{"predictions":\[2\.5,3\.0,4\.5\]\}$/m);
    assert.match(output, /^200 ready$/m);
    await podman('healthcheck', 'run', SIDECAR);
    for (const [name, memory] of [
      [SIDECAR, 256],
      [APP, 128],
    ] as const) {
      const [{ HostConfig: host, EffectiveCaps: capabilities }] = JSON.parse(await podman('inspect', name));
      assert.deepEqual([host.ReadonlyRootfs, host.Memory, capabilities ?? []], [true, memory << 20, []], name);
      assert.ok(host.SecurityOpt.includes('no-new-privileges'), name);
    }
    await compose(override, 'stop', '--timeout', '30', 'app', 'pillion');
    for (const name of [APP, SIDECAR]) {
      assert.equal((await podman('inspect', '--format={{.State.ExitCode}}', name)).trim(), '0', name);
    }
  });
});
