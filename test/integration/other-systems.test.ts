/**
 * The server on a system that tells little of itself: without /proc and /sys, which macOS has not and a container may hide,
 * and where process.platform says darwin. They are hidden by an empty file system of their own mount namespace, which
 * needs bubblewrap.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, describe, it, type TestContext } from 'node:test';
import type { ModelsReport } from '../../src/admin/models-report.ts';
import { unreadFacts } from '../../src/config/machine/unread-facts.ts';
import { hasFeature } from '../support/has-feature.ts';
import { DIGITS, killSidecars, startSidecar, type Wrap } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';

afterEach(killSidecars);

const HIDING = ['bwrap', '--dev-bind', '/', '/', '--tmpfs', '/proc', '--tmpfs', '/sys', '--die-with-parent'];
const hidden: Wrap = (command) => [...HIDING, ...command];
const canHide = spawnSync(HIDING[0]!, [...HIDING.slice(1), 'true']).status === 0;

const BODY = JSON.stringify({ instances: [Array.from({ length: 64 }, () => 0.5)] });

/** Says darwin to all but ONNX Runtime, whose library for this machine is wanted. */
function asDarwin(t: TestContext): { readonly NODE_OPTIONS: string } {
  const file = join(tempDirectory(t), 'as-darwin.cjs');
  const platform = "get: () => (/onnxruntime-node/.test(new Error().stack) ? 'linux' : 'darwin')";
  writeFileSync(file, `Object.defineProperty(process, 'platform', { ${platform} });\n`);
  return { NODE_OPTIONS: `--require=${file}` };
}

for (const host of ['inline', 'thread', 'process']) {
  for (const system of ['linux', 'darwin']) {
    describe(`${system}, host ${host}, with nothing to read`, () => {
      it('starts, says what it could not read, serves and drains', async (t) => {
        const args = [...DIGITS, `--host=${host}`, '--probe_port=0'];
        const environment = system === 'darwin' ? asDarwin(t) : {};
        const sidecar = await startSidecar(args, environment, canHide ? hidden : undefined);
        const answer = await fetch(`${sidecar.rest}/v1/models/digits:predict`, { method: 'POST', body: BODY });
        assert.equal(answer.status, 200, await answer.text());
        const headers = { 'x-pillion-console': '1' };
        for (const path of [
          '/ready',
          '/metrics',
          '/models',
          ...(hasFeature('headroom') ? ['/headroom'] : []),
          ...(hasFeature('envoy-admin') ? ['/server_info', '/config_dump'] : []),
          '/callers',
        ]) {
          assert.equal((await fetch(sidecar.admin + path, { headers })).status, 200, path);
        }
        const told = sidecar.lines.find(({ event }) => event === 'machine_unread');
        assert.equal(told?.['unread'] === undefined, !canHide);
        if (canHide)
          assert.deepEqual(
            told!['unread'],
            unreadFacts(() => undefined),
          );
        assert.deepEqual(
          sidecar.lines.filter(({ level }) => level === 'error' || level === 'fatal'),
          [],
        );
        // What hides the files stands between, and passes no signal on.
        const { plan } = (await (await fetch(`${sidecar.admin}/models`)).json()) as ModelsReport;
        process.kill(plan.pid, 'SIGTERM');
        assert.equal(await sidecar.exited, 0);
      });
    });
  }
}

it('what this machine tells is not listed as unread', () => {
  assert.deepEqual(
    unreadFacts((path) => (path === '/proc/meminfo' ? undefined : '')).map((line) => line.split(':')[0]),
    ['/proc/meminfo'],
  );
});
