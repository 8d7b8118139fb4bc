/** What a plug-in's code in a model's process can reach, with each set of tools that a machine may have. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { describeSandbox } from '../../../../src/admin/describe-sandbox.ts';
import type { HostedSession } from '../../../../src/backends/host/hosted-session.ts';
import { ProcessGroups } from '../../../../src/backends/host/process/process-group.ts';
import { startProcessHost } from '../../../../src/backends/host/process/process-host.ts';
import type { SandboxState } from '../../../../src/backends/host/process/sandbox.ts';
import { siblingModule } from '../../../../src/backends/host/sibling-module.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { commonMounts } from '../../../../src/features/sandbox/mounts.ts';
import { ToolSandbox } from '../../../../src/features/sandbox/sandbox.ts';
import { bestMeans } from '../../../../src/features/sandbox/sandbox-means.ts';
import { modelProcesses } from '../../../support/child-processes.ts';
import {
  type Attack,
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
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';

afterEach(killSidecars);

const NOSY = siblingModule(import.meta.url, '../../../support/nosy-backend').href;
const means = bestMeans(65_534, commonMounts([]));
const canBeFull = means.bubblewrap !== undefined;
const canHide = canBeFull || means.landlock === true;

describe('code in a model’s process', () => {
  for (const tools of TOOLS) {
    it(`finds no secret and changes nothing, as far as PATH has tools: ${tools}`, async (t) => {
      const { sidecar, attack, state } = await attacked(t, [nosyModel(t)], tools);
      if (tools === 'all') assert.equal(state.level === 'full', canBeFull);
      await assertConfined(sidecar, attack, state);
      assert.equal(await sidecar.stop(), 0);
    });
  }

  it('is confined in a process that models share, with each model’s files and no others', async (t) => {
    const models = ['a', 'b'].map((name) => nosyModel(t, name, ',process_group=g'));
    const { sidecar, attack, state } = await attacked(t, models, 'all');
    assert.equal(modelProcesses(sidecar.process.pid!).length, 1);
    for (const name of ['a', 'b']) await assertConfined(sidecar, attack, state, name);
    assert.equal(await sidecar.stop(), 0);
  });

  it('is in a second process of a group if the first one does not see its files', async (t) => {
    const [first, second] = [openModel(t), openModel(t)];
    const groups = new ProcessGroups();
    const group = groups.of('g');
    const sandbox = new ToolSandbox({ mode: 'auto', user: 65_534, environment: [], readable: [] });
    const start = (model: string, versionDirectory: string): Promise<HostedSession> => {
      const load = {
        versionDirectory,
        backendModule: NOSY,
        loadOptions: { intraOpThreads: 1, executionProvider: 'cpu' },
      };
      return startProcessHost({ ...load, model, slots: 1, clock: systemClock, processGroup: group, sandbox });
    };
    const startBoth = async (): Promise<number> => {
      const hosts = [await start('first', join(first, '1')), await start('second', join(second, '1'))];
      const { length } = group.processes;
      await Promise.all(hosts.map((host) => host.close()));
      return length;
    };
    groups.configure([{ processGroup: 'g', basePath: first }]);
    assert.equal(await startBoth(), canHide ? 2 : 1);
    groups.configure([first, second].map((basePath) => ({ processGroup: 'g', basePath })));
    assert.equal(await startBoth(), 1);
  });

  it('sees an environment variable and a file that the operator names', async (t) => {
    const canaries = plantCanaries(t);
    const options = ['--sandbox_env=AWS_SECRET_ACCESS_KEY', `--sandbox_read=${canaries.open}`];
    const sidecar = await startSidecar([nosyModel(t), ...options], { AWS_SECRET_ACCESS_KEY: SECRET });
    assert.match(await ask(sidecar, 'environment', []), new RegExp(`"AWS_SECRET_ACCESS_KEY":"${SECRET}"`));
    assert.equal(await ask(sidecar, 'read', [canaries.open]), SECRET);
    await sidecar.stop();
  });

  it('gets its environment filtered where the sandbox is off, which status and doctor say', async (t) => {
    const sidecar = await startSidecar([nosyModel(t), '--model_sandbox=off'], { TF_VAR_password: SECRET });
    const { level, lacks } = await sandboxOf(sidecar);
    assert.equal(level, 'none');
    assert.match(lacks[0]!, /--model_sandbox=off/);
    const admin = `--admin=${new URL(sidecar.admin).host}`;
    await runPillion(['status', admin]).printed('sandbox none');
    await runPillion(['doctor', admin, '--seconds=0']).printed('sandbox none: it is off (--model_sandbox=off)');
    assert.ok(!(await ask(sidecar, 'environment', [])).includes(SECRET));
    await sidecar.stop();
  });
});

describe('--model_sandbox=require', () => {
  it('loads a model in a process that is confined fully, and none in another', async (t) => {
    const args = [nosyModel(t), '--model_sandbox=require'];
    if (canBeFull) {
      const sidecar = await startSidecar(args);
      assert.equal((await sandboxOf(sidecar)).level, 'full');
      await sidecar.stop();
    }
    const lacking = /\\"nosy\\" is not loaded: --model_sandbox=require, .* has the network/;
    await assert.rejects(startSidecar(args, { PATH: pathWith(t, 'none') }), lacking);
  });

  it('refuses a model that is asked to run in the server’s process, and moves one that is not', async (t) => {
    const digits = '--model=digits=examples/digits/models/digits';
    const refused = /host thread was asked for, but --model_sandbox=require .*set host=process/;
    await assert.rejects(startSidecar([`${digits},host=thread`, '--model_sandbox=require']), refused);
    if (!canBeFull) return t.skip('this machine has no bubblewrap that works');
    const sidecar = await startSidecar([digits, '--model_sandbox=require']);
    assert.equal((await sandboxOf(sidecar)).level, 'full');
    await sidecar.stop();
  });
});

it('a version with a link to a secret of the machine does not load into a sandbox', async (t) => {
  if (!canHide) return t.skip('this machine has no tool that hides files');
  const { open } = plantCanaries(t);
  const base = openDirectory(t);
  const flag = nosyModel(t, 'linked', '', base);
  symlinkSync(open, join(base, '1', 'weights'));
  const refused = /weights\\" is a link to \\".*\\", which a model's process must not see; .*--sandbox_read/;
  await assert.rejects(startSidecar([flag]), refused);
  const sidecar = await startSidecar([flag, `--sandbox_read=${open}`]);
  assert.equal(await ask(sidecar, 'read', [join(base, '1', 'weights')], 'linked'), SECRET);
  await sidecar.stop();
});

it('another user that cannot read the model’s files is not used, and the report says so', async (t) => {
  if (process.getuid!() !== 0) return t.skip('the tests do not run as root');
  const base = openDirectory(t);
  const flag = nosyModel(t, 'nosy', '', base);
  writeFileSync(join(base, '1', 'weights'), 'w', { mode: 0o600 });
  const sidecar = await startSidecar([flag]);
  const { level, lacks } = await sandboxOf(sidecar);
  assert.equal(level, 'partial');
  assert.match(lacks[0]!, /it runs as the server’s user, since user 65534 cannot read ".*weights"/);
  assert.equal(await ask(sidecar, 'read', [join(base, '1', 'weights')]), 'w');
  // Root without capabilities may still write the kernel's settings, unless they are read-only.
  if (canBeFull) assert.match(await ask(sidecar, 'write', ['/proc/sys/kernel/core_uses_pid', '0']), /^refused: EROFS/);
  await sidecar.stop();
});

async function attacked(t: TestContext, models: readonly string[], tools: (typeof TOOLS)[number]) {
  const canaries = plantCanaries(t);
  const secrets = Object.fromEntries(SECRET_VARIABLES.map((name) => [name, SECRET]));
  const places = { PATH: pathWith(t, tools), TMPDIR: openDirectory(t, 0o777) };
  const sidecar = await startSidecar(models, { ...secrets, ...places });
  const attack = { ...canaries, pid: sidecar.process.pid!, port: new URL(sidecar.rest).port };
  const state = await sandboxOf(sidecar);
  t.diagnostic(`sandbox here: ${describeSandbox(state)}`);
  return { sidecar, attack, state };
}

async function assertConfined(sidecar: Sidecar, attack: Attack, state: SandboxState, model = 'nosy'): Promise<void> {
  const tell = (...words: string[]): Promise<string> => ask(sidecar, words[0]!, words.slice(1), model);
  const isOther = state.by.includes('user');
  for (const path of secretReads(attack, state)) {
    assert.ok(!(await tell('read', path)).includes(SECRET), `${path} told a secret under ${describeSandbox(state)}`);
  }
  assert.ok(!(await tell('environment')).includes(SECRET));
  assert.equal((await tell('run', 'ulimit -c')).trim(), '0');
  if (isOther) assert.match(await tell('becomeRoot'), /^refused/);
  if (isOther || state.level === 'full') assert.match(await tell('signal', String(attack.pid)), /^refused/);
  if (/bubblewrap|setpriv/.test(state.by)) assert.match(await tell('read', '/proc/self/status'), /^NoNewPrivs:\t1$/m);
  if (isOther || state.level === 'full') assert.match(await tell('read', '/proc/self/status'), /^CapEff:\t0+$/m);
  if (hidesFiles(state)) {
    const file = join(attack.writable, 'written');
    await tell('write', file, 'x');
    assert.ok(!existsSync(file));
    assert.match(await tell('read', '/etc/passwd'), /^refused/);
  }
  if (state.level !== 'full') return;
  for (const path of ['/written', '/etc/written', '/usr/written', '/proc/sys/kernel/core_uses_pid']) {
    assert.match(await tell('write', path, '0'), /^refused/);
  }
  assert.equal(await tell('write', '/tmp/written', 'x'), 'written');
  assert.ok(!existsSync('/tmp/written'));
  assert.match(await tell('connect', attack.port), /^refused/);
  assert.match(await tell('read', '/proc/self/status'), /^CapBnd:\t0+$/m);
  assert.deepEqual(
    (await tell('list', '/proc')).split(' ').filter((name) => Number(name) > 2),
    [],
  );
}

/** `--model` for a model of the nosy backend. */
function nosyModel(t: TestContext, name = 'nosy', keys = '', base = openDirectory(t)): string {
  openModel(t, base);
  return `--model=${name}=${base},backend=${NOSY}${keys}`;
}

/** A base path of a model that every user may read. */
function openModel(t: TestContext, base = openDirectory(t)): string {
  mkdirSync(join(base, '1'));
  writeFileSync(join(base, '1', 'model.nosy'), '');
  return base;
}

async function ask(sidecar: Sidecar, deed: string, words: readonly string[], model = 'nosy'): Promise<string> {
  const body = JSON.stringify({ inputs: { ask: JSON.stringify([deed, ...words]) } });
  const answer = await fetch(`${sidecar.rest}/v1/models/${model}:predict`, { method: 'POST', body });
  const { outputs } = (await answer.json()) as { readonly outputs: string };
  assert.equal(answer.status, 200);
  return outputs;
}
