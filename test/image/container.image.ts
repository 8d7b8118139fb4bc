/** The image in a container as orchestrators confine it: `npm test -- image` builds it first. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { clientClass, PREDICTION } from '../support/grpc-harness.ts';
import { tempDirectory } from '../support/temp-directory.ts';
import {
  addresses,
  execIn,
  FREE_PORTS,
  mount,
  podman,
  type RunOptions,
  removeContainers,
  startContainer,
  stop,
} from './containers.ts';

const TEXTS = 'test/fixtures/first-answers';
const HALF = 'examples/half_plus_two/models/half_plus_two';
const MODEL: RunOptions = { options: [mount(HALF, '/models/half')] };
const SERVE = ['serve', '--model=half=/models/half', ...FREE_PORTS];
const BODY = '{"instances":[1,2,5]}';
const PREDICTIONS = '{"predictions":[2.5,3.0,4.5]}';

afterEach(removeContainers);

async function predict(rest: string, name = 'half'): Promise<string> {
  return await (await fetch(`${rest}/v1/models/${name}:predict`, { method: 'POST', body: BODY })).text();
}

async function predictByGrpc(address: string): Promise<readonly number[]> {
  const client = new (clientClass(PREDICTION))(address, grpc.credentials.createInsecure());
  try {
    const x = { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: 3 }] }, float_val: [1, 2, 5] };
    const request = { model_spec: { name: 'half' }, inputs: { x } };
    // biome-ignore lint/suspicious/noExplicitAny: a proto-loader client has no types.
    const answer: any = await promisify((client as any).Predict.bind(client))(request);
    const { tensor_content: bytes, float_val: values } = answer.outputs.y;
    return bytes.length > 0 ? [...new Float32Array(new Uint8Array(bytes).buffer)] : values;
  } finally {
    client.close();
  }
}

/** By the container's user, too, which is another one. */
function readableDirectory(t: TestContext): string {
  const directory = tempDirectory(t);
  chmodSync(directory, 0o755);
  return directory;
}

describe('a container of the image', () => {
  // The image's own user; that of most pods; one as OpenShift gives it, without an entry in /etc/passwd.
  for (const user of [undefined, '1000', '1000660000:0']) {
    it(`serves over REST and gRPC and ends with 0, as user ${user ?? 'of the image'}`, async () => {
      const container = startContainer(SERVE, { ...MODEL, ...(user && { user }) });
      const { rest, grpc: address } = await addresses(container);
      assert.equal(await predict(rest), PREDICTIONS);
      assert.deepEqual(await predictByGrpc(address), [2.5, 3, 4.5]);
      const machine = await container.line((line) => line.event === 'machine');
      assert.equal(machine['memory_limit_mib'], 256);
      assert.equal(await stop(container), 0);
      assert.ok(container.lines.some((line) => line.event === 'drained'));
    });
  }

  it('answers texts as scikit-learn does, of exports that want either locale', async () => {
    const options = ['words', 'letters'].map((name) => mount(`${TEXTS}/${name}.onnx`, `/models/${name}/1/model.onnx`));
    const models = ['--model=words=/models/words', '--model=letters=/models/letters'];
    const container = startContainer(['serve', ...models, ...FREE_PORTS], { options });
    const { rest } = await addresses(container);
    const expected = JSON.parse(readFileSync(`${TEXTS}/expected.json`, 'utf8')) as Readonly<Record<string, number[][]>>;
    const rows = {
      words: [{ r: 'RUDE and late' }, { r: 'fast' }],
      letters: [
        { Kommentar_Text: 'ÜBEL und spät', Wohn_Ort: 'Bad Tölz', PLZ: '01067', Alter__Jahre_: 40 },
        { Kommentar_Text: 'schön, ÖL fehlt', Wohn_Ort: 'Ängelholm', PLZ: '7', Alter__Jahre_: 30 },
        { Kommentar_Text: 'ХОРОШО', Wohn_Ort: 'Köln', PLZ: '99', Alter__Jahre_: 50 },
      ],
    };
    for (const [name, instances] of Object.entries(rows)) {
      const body = JSON.stringify({ instances });
      const answer = await fetch(`${rest}/v1/models/${name}:predict`, { method: 'POST', body });
      const { predictions } = (await answer.json()) as { readonly predictions: readonly { probabilities: number[] }[] };
      const found = predictions.flatMap(({ probabilities }) => probabilities);
      const wanted = expected[name]!.flat();
      assert.equal(found.length, wanted.length);
      for (const [i, number] of found.entries()) assert.ok(Math.abs(number - wanted[i]!) < 1e-5, `${name}: ${found}`);
    }
    assert.equal(await stop(container), 0);
  });

  it('finishes the request that was under way when SIGTERM came', async () => {
    const container = startContainer(SERVE, MODEL);
    const { hostname, port } = new URL((await addresses(container)).rest);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const head = `POST /v1/models/half:predict HTTP/1.1\r\nhost: x\r\ncontent-length: ${BODY.length}\r\n\r\n`;
    socket.write(head + BODY.slice(0, 10));
    // An answer to another request says that the server has read this one's head.
    assert.equal(await predict(`http://${hostname}:${port}`), PREDICTIONS);
    const stopped = stop(container);
    await container.line((line) => line.event === 'draining');
    socket.write(BODY.slice(10));
    assert.ok((await text(socket)).endsWith(PREDICTIONS));
    assert.equal(await stopped, 0);
  });

  it('drains by its preStop command, and has no shell', async () => {
    // A network of its own: the commands ask the default port.
    const container = startContainer(['serve', '--model=half=/models/half'], { ...MODEL, network: 'none' });
    await container.line((line) => line.event === 'ready');
    const print = 'process.env.NODE_OPTIONS ?? process.env.MALLOC_MMAP_THRESHOLD_ ?? "nothing"';
    const awaited = await execIn(container.name, 'pillion', 'await', '--', '/usr/bin/node', '-p', print);
    assert.deepEqual(awaited, { status: 0, output: 'nothing\n' }, 'what only the server needs is not inherited');
    assert.deepEqual(await execIn(container.name, 'pillion', 'drain', '--timeout=15'), { status: 0, output: '' });
    await container.line((line) => line.event === 'drain_asked');
    const shell = await execIn(container.name, 'sh', '-c', 'true');
    assert.match(shell.output, /executable file not found/);
    assert.equal(await stop(container), 0);
  });

  it('writes nothing, also where it could', async () => {
    const container = startContainer([...SERVE, '--host=process'], { ...MODEL, isRootWritable: true });
    const { rest } = await addresses(container);
    assert.equal(await predict(rest), PREDICTIONS);
    assert.equal(await stop(container), 0);
    // Mount points are podman's.
    const changes = (await podman('diff', container.name)).trim().split('\n');
    const mountPoints =
      /^[AC] \/(models(\/half)?|etc(\/(hosts|hostname|resolv\.conf|mtab))?|run(\/\.containerenv|\/secrets)?|proc|sys|dev)?$/;
    assert.deepEqual(
      changes.filter((change) => change !== '' && !mountPoints.test(change)),
      [],
    );
  });

  it('confines a model’s process by Landlock where no namespaces can be made, and says so', async () => {
    const container = startContainer([...SERVE, '--host=process'], { ...MODEL, user: '1000' });
    const { rest } = await addresses(container);
    const sandbox = await container.line((line) => line.event === 'sandbox');
    assert.match(String(sandbox['msg']), /^sandbox of models’ processes: partial \(setpriv(, Landlock)?\): /);
    assert.equal(await predict(rest), PREDICTIONS);
    assert.equal(await stop(container), 0);
  });

  it('refuses a model that cannot be loaded with its name and the reason, and ends with 1', async (t) => {
    const directory = readableDirectory(t);
    mkdirSync(join(directory, '1'));
    writeFileSync(join(directory, '1', 'model.onnx'), 'no model');
    const options = [`--volume=${directory}:/models/broken:ro`];
    const container = startContainer(['serve', '--model=broken=/models/broken', ...FREE_PORTS], { options });
    assert.equal(await container.exited, 1);
    assert.match(container.output(), /broken/);
    assert.match(container.output(), /model\.onnx/);
  });

  it('leaves an option that nobody knows to the error text and status 64', async () => {
    const container = startContainer(['serve', '--modle=half=/models/half']);
    assert.equal(await container.exited, 64);
    assert.match(container.output(), /--modle.*--model/s);
  });
});

describe('the image in the place of Triton’s', () => {
  // KServe's arguments, for an image whose entry point runs its first word. The ports must be free on this machine.
  it('takes the arguments of KServe’s runtime, with metrics at Triton’s port', async (t) => {
    const options = [`--volume=${tritonRepository(t)}:/mnt/models:ro`];
    const flags = ['--model-store=/mnt/models', '--grpc-port=9000', '--http-port=8080'];
    const allowed = ['--allow-grpc=true', '--allow-http=true'];
    const container = startContainer(['tritonserver', ...flags, ...allowed], { user: '1000', options });
    await addresses(container);
    assert.equal((await fetch('http://127.0.0.1:8080/v2/health/ready')).status, 200);
    assert.equal(await predict('http://127.0.0.1:8080'), PREDICTIONS);
    assert.deepEqual(await predictByGrpc('127.0.0.1:9000'), [2.5, 3, 4.5]);
    const metrics = await (await fetch('http://127.0.0.1:8002/metrics')).text();
    assert.match(metrics, /^nv_inference_request_success\{model="half",version="1"\} 2$/m);
    assert.equal(await stop(container), 0);
  });

  it('is the program /usr/bin/tritonserver too, whatever MODEL_NAME says', async (t) => {
    const options = [`--volume=${tritonRepository(t)}:/models:ro`, '--env=MODEL_NAME=other'];
    const free = ['--http-port=0', '--grpc-port=0', '--metrics-port=0', '--admin_port=0', '--bind_address=127.0.0.1'];
    const container = startContainer(['--model-repository=/models', ...free], {
      command: '/usr/bin/tritonserver',
      options,
    });
    const { rest } = await addresses(container);
    assert.equal(await predict(rest), PREDICTIONS);
    assert.equal(await stop(container), 0);
  });
});

/** Of half_plus_two, under the name of the other tests. */
function tritonRepository(t: TestContext): string {
  const directory = readableDirectory(t);
  cpSync(HALF, join(directory, 'half'), { recursive: true });
  return directory;
}

describe('the image in the place of TensorFlow Serving’s', () => {
  // The ports are KServe's, and must be free on this machine.
  it('takes the command of KServe’s runtime, with metrics on its REST port', async () => {
    const container = startContainer(
      [
        '--model_name=half',
        '--port=9000',
        '--rest_api_port=8080',
        '--model_base_path=/mnt/models',
        '--rest_api_timeout_in_ms=60000',
      ],
      { command: '/usr/bin/tensorflow_model_server', user: '1000', options: [mount(HALF, '/mnt/models')] },
    );
    await addresses(container);
    assert.equal(await predict('http://127.0.0.1:8080'), PREDICTIONS);
    assert.deepEqual(await predictByGrpc('127.0.0.1:9000'), [2.5, 3, 4.5]);
    const metrics = await fetch('http://127.0.0.1:8080/metrics');
    assert.equal(metrics.status, 200);
    assert.match(await metrics.text(), /^pillion_request_total|^:tensorflow:serving/m);
    assert.equal(await stop(container), 0);
  });

  it('takes MODEL_NAME and MODEL_BASE_PATH from the environment', async () => {
    const options = [mount(HALF, '/srv/half'), '--env=MODEL_NAME=half', '--env=MODEL_BASE_PATH=/srv'];
    const container = startContainer(FREE_PORTS, { options });
    const { rest } = await addresses(container);
    assert.equal(await predict(rest), PREDICTIONS);
    assert.equal(await stop(container), 0);
  });

  it('takes a monitoring config of its own', async (t) => {
    const directory = readableDirectory(t);
    writeFileSync(join(directory, 'monitoring'), 'prometheus_config { enable: true, path: "/own" }');
    const args = ['--model_name=half', '--model_base_path=/models/half', '--monitoring_config_file=/config/monitoring'];
    const options = [...MODEL.options!, `--volume=${directory}:/config:ro`];
    const container = startContainer([...args, ...FREE_PORTS], {
      command: '/usr/bin/tensorflow_model_server',
      options,
    });
    const { rest } = await addresses(container);
    assert.deepEqual([(await fetch(`${rest}/own`)).status, (await fetch(`${rest}/metrics`)).status], [200, 404]);
    assert.equal(await stop(container), 0);
  });
});
