/**
 * A server in the states that people open a console for, each made by real traffic on real models: a night before a
 * restart, a caller that sends wrong shapes, a slow version beside a fast one, a model that does not load, and an
 * application behind it one of whose routes fails. Overload is made only while a test wants it.
 */
import { Buffer } from 'node:buffer';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { onnxModel } from '../support/onnx-model.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { slowGraph } from '../support/surface-models.ts';

/** The address of the caller whose requests have a wrong shape; others ask from 127.0.0.1. */
export const CARELESS = '127.0.0.7';
/** What the traces' pages are addressed as. */
export const TRACES = 'https://traces.example/trace/';
export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

/** The requests of the night, which all fail. */
export const OF_THE_NIGHT = 20;

/** Some tens of ms a row on an idle machine. */
const PRODUCTS = 8;

interface Asked {
  readonly from?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export class NewcomerStates {
  sidecar!: Sidecar;
  /** The time before the restart, in which requests failed, and the time at which the server was there again. */
  readonly night = { from: 0, to: 0 };
  readonly #directory = mkdtempSync(join(tmpdir(), 'pillion-newcomer-'));
  #app!: Server;
  #isOver = false;
  #traffic: Promise<unknown> = Promise.resolve();

  /** The night, a restart, and the day's traffic until `stop`. */
  async start(): Promise<void> {
    const models = this.#writeModels();
    this.#app = createServer(({ url }, response) => response.writeHead(url === '/orders' ? 500 : 200).end('an answer'));
    await new Promise<void>((resolve) => this.#app.listen(0, '127.0.0.1', resolve));
    const { port } = this.#app.address() as AddressInfo;
    const options = [
      ...models,
      ...[`--app=http://127.0.0.1:${port}`, `--trace_url_template=${TRACES}{trace_id}`],
      ...[`--state_dir=${join(this.#directory, 'state')}`],
      `--flight_recorder_file=${join(this.#directory, 'requests')}`,
    ];
    mkdirSync(join(this.#directory, 'state'));
    this.sidecar = await startSidecar(options);
    this.night.from = Date.now();
    for (let turn = 0; turn < OF_THE_NIGHT; turn++) await this.ask('broken', [1]);
    await this.sidecar.stop();
    this.sidecar = await startSidecar(options);
    this.night.to = Date.now();
    this.#traffic = Promise.all([this.#drive(), this.#driveApp()]);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#traffic;
    await this.sidecar.stop();
    killSidecars();
    this.#app.close();
    this.#app.closeAllConnections();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Asks for one prediction; resolves with the status. */
  ask(model: string, row: readonly number[], { from = '127.0.0.1', headers = {} }: Asked = {}): Promise<number> {
    const [name, version] = model.split('/');
    const path = `/v1/models/${name}${version === undefined ? '' : `/versions/${version}`}:predict`;
    return this.#send('POST', path, from, headers, Buffer.from(JSON.stringify({ instances: [row] })));
  }

  /** More requests at once than the model can answer in the time that they have; the result ends that. */
  overload(): () => Promise<void> {
    let isOver = false;
    const drive = async (): Promise<void> => {
      const headers = { 'x-envoy-expected-rq-timeout-ms': '400' };
      while (!isOver && !this.#isOver) {
        await this.ask('slow', [1], { headers });
        await setTimeout(5);
      }
    };
    const all = Promise.all(Array.from({ length: 24 }, drive));
    return async () => {
      isOver = true;
      await all;
    };
  }

  #writeModels(): readonly string[] {
    const at = (name: string, version: string): string => {
      const directory = join(this.#directory, name, version);
      mkdirSync(directory, { recursive: true });
      return join(directory, 'model.onnx');
    };
    const slow = onnxModel(slowGraph(PRODUCTS));
    writeFileSync(at('slow', '1'), slow);
    const value = { dtype: 'float32', dims: ['batch', 1] } as const;
    const same = onnxModel({
      inputs: [{ name: 'x', ...value }],
      outputs: [{ name: 'y', ...value }],
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    });
    writeFileSync(at('twins', '1'), same);
    writeFileSync(at('twins', '2'), slow);
    writeFileSync(at('broken', '1'), 'this is no model');
    return [
      `--model=slow=${join(this.#directory, 'slow')}`,
      '--model=digits=examples/digits/models/digits',
      '--model=half_plus_two=examples/half_plus_two/models/half_plus_two',
      `--model=twins=${join(this.#directory, 'twins')},versions=all`,
      `--model=broken=${join(this.#directory, 'broken')}`,
    ];
  }

  async #drive(): Promise<void> {
    const sound = new Array<number>(64).fill(3);
    for (let turn = 0; !this.#isOver; turn++) {
      await this.ask(
        'digits',
        sound,
        turn === 0 ? { headers: { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` } } : {},
      );
      await this.ask('twins/1', [1]);
      if (turn % 20 === 0) {
        await this.ask('twins/2', [1]);
        await this.ask('digits', [1, 2], { from: CARELESS });
        await this.ask('broken', [1]);
      }
      await setTimeout(100);
    }
  }

  async #driveApp(): Promise<void> {
    for (let turn = 0; !this.#isOver; turn++) {
      await this.#send('GET', '/prices', '127.0.0.1');
      if (turn % 2 === 0) await this.#send('POST', '/orders', '127.0.0.1');
      await setTimeout(200);
    }
  }

  #send(
    method: string,
    path: string,
    localAddress: string,
    headers: Readonly<Record<string, string>> = {},
    body?: Buffer,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      const sent = request(`${this.sidecar.rest}${path}`, { method, localAddress, headers, agent: false }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode!));
      });
      sent.once('error', reject);
      sent.end(body);
    });
  }
}
