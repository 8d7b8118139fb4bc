/** `pillion serve` as an orchestrator sees it: exit status, signals, health, what it says when it cannot start. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { freePort } from '../support/free-port.ts';
import { DIGITS, killSidecars, runPillion, startSidecar } from '../support/sidecar.ts';

const SCAN = JSON.stringify({ instances: [new Array<number>(64).fill(0)] });

afterEach(killSidecars);

describe('pillion serve', () => {
  it('answers, reports itself, and ends with 0 on SIGTERM', async () => {
    const sidecar = await startSidecar(DIGITS);
    const machine = await sidecar.line((line) => line.event === 'machine');
    for (const fact of ['cores', 'quota_cores', 'memory_limit_mib', 'simd', 'slots', 'providers']) {
      assert.ok(fact in machine, `${fact} in ${JSON.stringify(machine)}`);
    }
    assert.equal((await fetch(`${sidecar.admin}/live`)).status, 200);
    assert.equal((await fetch(`${sidecar.admin}/ready`)).status, 200);
    const answer = await fetch(`${sidecar.rest}/v1/models/digits:predict`, { method: 'POST', body: SCAN });
    assert.equal(answer.status, 200);
    for (const url of [`${sidecar.admin}/metrics`, `${sidecar.rest}/monitoring/prometheus/metrics`]) {
      const page = await (await fetch(url)).text();
      assert.match(page, /^pillion_requests_in_flight 0$/m);
      assert.match(page, /pillion_stage_duration_seconds_count\{.*stage="execute".*\} 1/);
      assert.match(page, /^pillion_queue_rows\{model="digits",version="1"\} 0$/m);
    }
    assert.equal(await sidecar.stop(), 0);
    assert.ok(sidecar.lines.some((line) => line.event === 'drained'));
  });

  it('ends with 0 though nobody reads its log any more', async () => {
    const sidecar = await startSidecar(DIGITS);
    sidecar.process.stderr!.destroy();
    assert.equal(await sidecar.stop(), 0);
  });

  it('listens on Unix sockets too, takes over a stale file, and removes its own', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'pillion-'));
    const rest = join(directory, 'rest.sock');
    const args = [...DIGITS, `--rest_socket_path=${rest}`, `--grpc_socket_path=${join(directory, 'grpc.sock')}`];
    const killed = await startSidecar(args);
    killed.process.kill('SIGKILL');
    await killed.exited;
    const sidecar = await startSidecar(args);
    const ready = await sidecar.line((line) => line.event === 'ready');
    assert.ok((ready['rest'] as string[]).includes(`unix:${rest}`));
    const second = runPillion(['serve', ...args, '--port=0', '--rest_api_port=0', '--admin_port=0']);
    assert.equal(await second.exited, 1);
    assert.match(second.output(), /grpc\.sock/);
    assert.equal(await sidecar.stop(), 0);
    await rm(directory, { recursive: true });
  });

  it('says what is wrong with the command line and ends with 64', async () => {
    const wrong = runPillion(['serve', '--prot=1', '--model=a']);
    assert.equal(await wrong.exited, 64);
    assert.match(wrong.output(), /unknown option --prot; did you mean --port\?/);
    const nothing = runPillion(['serve', '--port=70000', '--max_batch_size=0']);
    assert.equal(await nothing.exited, 64);
    assert.match(nothing.output(), /--port=70000: wants a whole number/);
    assert.match(nothing.output(), /--max_batch_size=0: wants a whole number/);
    const apps = runPillion(['serve', ...DIGITS, '--app=http://127.0.0.1:1', '--app=http://127.0.0.1:2']);
    assert.equal(await apps.exited, 64);
    assert.match(apps.output(), /http:\/\/127\.0\.0\.1:1 and http:\/\/127\.0\.0\.1:2; there can be one of each kind/);
    const command = runPillion(['srve']);
    assert.equal(await command.exited, 64);
  });

  it('shows help and version', async () => {
    const help = runPillion(['serve', '--help']);
    assert.equal(await help.exited, 0);
    assert.match(help.output(), /--rest_api_port=N/);
    const version = runPillion(['--version']);
    assert.equal(await version.exited, 0);
    assert.match(version.output(), /^pillion \d+\.\d+\.\d+$/m);
  });

  it('names the model, the file and the reason when it cannot start, and ends with 1', async () => {
    const cuda = runPillion(['serve', `${DIGITS[0]},provider=cuda`, '--port=0', '--rest_api_port=0', '--admin_port=0']);
    assert.equal(await cuda.exited, 1);
    assert.match(cuda.output(), /cuda/);
  });

  it('names the option of a port that is in use, and what to give', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as { port: number };
    const free = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1'];
    const options = ['port', 'rest_api_port', 'admin_port', 'metrics_port', 'probe_port'];
    const ends = options.map(async (option) => {
      const refused = runPillion(['serve', ...DIGITS, ...free, `--${option}=${port}`]);
      assert.equal(await refused.exited, 1);
      const said = `pillion: --${option}=${port}: cannot listen on \\S+:${port}: it is in use \\(EADDRINUSE\\); .*--${option}=0`;
      assert.match(refused.output(), new RegExp(said));
    });
    await Promise.all(ends);
    await new Promise((resolve) => holder.close(resolve));
  });

  it('names the two options that name the same port', async () => {
    const port = await freePort();
    const twins = [`--rest_api_port=${port}`, `--admin_port=${port}`, '--port=0', '--bind_address=127.0.0.1'];
    const refused = runPillion(['serve', ...DIGITS, ...twins]);
    assert.equal(await refused.exited, 1);
    assert.match(refused.output(), new RegExp(`--admin_port=${port}: .*; --rest_api_port is ${port}, too`));
  });

  it('refuses a version whose model is broken, with the file named', async () => {
    const base = await mkdtemp(join(tmpdir(), 'pillion-'));
    await mkdir(join(base, '1'));
    await writeFile(join(base, '1', 'model.onnx'), 'no model');
    const broken = runPillion(['serve', `--model=m=${base}`, '--port=0', '--rest_api_port=0', '--admin_port=0']);
    assert.equal(await broken.exited, 1);
    assert.match(broken.output(), /1\/model\.onnx/);
    await rm(base, { recursive: true });
  });

  it('waits where there is no model yet, says what for, and ends with 0 when told to', async () => {
    const base = await mkdtemp(join(tmpdir(), 'pillion-'));
    await writeFile(join(base, 'note.txt'), 'no version here');
    const models = ['--model=gone=/nonexistent', `--model=empty=${base}`];
    const waiting = runPillion(['serve', ...models, '--port=0', '--rest_api_port=0', '--admin_port=0']);
    const gone = await waiting.line((line) => line['model'] === 'gone');
    assert.match(gone.msg!, /base path \/nonexistent does not exist/);
    await waiting.line((line) => line['model'] === 'empty');
    const listening = await waiting.line((line) => line.event === 'listening');
    const ready = await fetch(`http://${listening['admin'] as string}/ready`);
    assert.equal(ready.status, 503);
    const text = await ready.text();
    assert.match(text, /^model "gone": base path \/nonexistent does not exist; it must hold one numbered directory/m);
    assert.match(text, /^model "empty": .* holds no numbered version directory; put the model into .*\/1$/m);
    assert.equal(await waiting.stop(), 0);
    assert.ok(waiting.lines.some((line) => line.event === 'drained'));
    assert.ok(!waiting.lines.some((line) => line.event === 'ready'));
    await rm(base, { recursive: true });
  });
});
