/** `pillion tritonserver`: a server by tritonserver's command line. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { killSidecars, runPillion } from '../../../support/sidecar.ts';
import { plusConfig, TritonRepository } from '../../../support/triton-repository.ts';

const ELSEWHERE = ['--admin_port=0', '--bind_address=127.0.0.1'];
const FREE_PORTS = [...ELSEWHERE, '--http-port=0', '--grpc-port=0', '--metrics-port=0'];

afterEach(killSidecars);

/** Resolves when it is ready, with its URLs. */
async function start(args: readonly string[]) {
  const server = runPillion(['tritonserver', ...args]);
  const { rest, metrics, admin } = await server.line(({ event }) => event === 'ready');
  const [first] = rest as string[];
  return { ...server, rest: `http://${first}`, metrics: metrics as string | undefined, admin: `http://${admin}` };
}

async function nameOf(rest: string): Promise<unknown> {
  return ((await (await fetch(`${rest}/v2`)).json()) as { name: unknown }).name;
}

async function infer(rest: string, model: string): Promise<unknown> {
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }];
  const answer = await fetch(`${rest}/v2/models/${model}/infer`, { method: 'POST', body: JSON.stringify({ inputs }) });
  const { outputs, error } = (await answer.json()) as { outputs?: { data: unknown }[]; error?: string };
  return outputs?.[0]?.data ?? error;
}

describe('pillion tritonserver', () => {
  it('serves a repository by the flags of KServe’s runtime, with metrics at a port of their own', async (t) => {
    const repository = new TritonRepository(t);
    repository.model('plus', plusConfig('plus'), [7]);
    const allowed = ['--allow-grpc=true', '--allow-http=True', '--strict-model-config=false'];
    const server = await start([`--model-store=${repository.directory}`, ...FREE_PORTS, ...allowed]);
    assert.deepEqual(await infer(server.rest, 'plus'), [8, 9]);
    assert.equal((await fetch(`${server.rest}/v2/health/ready`)).status, 200);
    assert.equal(await nameOf(server.rest), 'triton');
    const page = await (await fetch(`http://${server.metrics}/metrics`)).text();
    assert.match(page, /^nv_inference_request_success\{model="plus",version="7"\} 1$/m);
    assert.equal(await server.stop(), 0);
  });

  it('ends with 1 at a model that cannot be loaded, and goes on with --exit-on-error=false', async (t) => {
    const repository = new TritonRepository(t);
    repository.model('plus', plusConfig('plus'));
    repository.write('broken', 'config.pbtxt', plusConfig('broken'));
    repository.write('broken', '1/model.onnx', 'no model');
    const args = [`--model-repository=${repository.directory}`, ...FREE_PORTS];
    const refused = runPillion(['tritonserver', ...args]);
    assert.equal(await refused.exited, 1);
    assert.match(refused.output(), /broken/);
    const server = await start([...args, '--exit-on-error=false', '--strict-readiness=false', '--id=ours']);
    assert.deepEqual(await infer(server.rest, 'plus'), [2, 3]);
    assert.equal(await nameOf(server.rest), 'ours');
    assert.equal(await server.stop(), 0);
  });

  it('loads the named models in the mode EXPLICIT, and has no metrics but the operators’ without them', async (t) => {
    const repository = new TritonRepository(t);
    for (const name of ['one', 'two']) repository.model(name, plusConfig(name));
    const modes = ['--model-control-mode=EXPLICIT', '--load-model=one', '--allow-metrics=false'];
    const server = await start([`--model-repository=${repository.directory}`, ...FREE_PORTS, ...modes]);
    assert.deepEqual(await infer(server.rest, 'one'), [2, 3]);
    assert.match(String(await infer(server.rest, 'two')), /two/);
    assert.equal((await fetch(`${server.rest}/v2/repository/models/two/load`, { method: 'POST' })).status, 200);
    assert.deepEqual(await infer(server.rest, 'two'), [2, 3]);
    assert.equal(server.metrics, undefined);
    assert.equal((await fetch(`${server.rest}/monitoring/prometheus/metrics`)).status, 404);
    assert.equal((await fetch(`${server.admin}/metrics`)).status, 200);
    assert.equal(await server.stop(), 0);
  });

  it('refuses by name what would be served otherwise, with status 64', async () => {
    const named = ['--allow-grpc=false', '--model-config-name=h100', '--allow-sagemaker=true', '--grpc-use-ssl=true'];
    const refused = runPillion(['tritonserver', '--model-repository=/nowhere', ...named]);
    assert.equal(await refused.exited, 64);
    for (const name of ['allow_grpc', 'model_config_name', 'allow_sagemaker', 'grpc_use_ssl']) {
      assert.match(refused.output(), new RegExp(`--${name}.* is not supported`), name);
    }
  });

  it('says with --help what it is', async () => {
    const help = runPillion(['tritonserver', '--help']);
    assert.equal(await help.exited, 0);
    assert.match(help.output(), /--http-port=8000, --grpc-port=8001, --metrics-port=8002/);
  });
});
