/**
 * npm run bench -- shared-memory: images in system shared memory beside the same images in gRPC's messages, in turn.
 * The clients are one process of Node, which writes each image into its region (or message) anew.
 *
 *   round 1: raw, shared · round 2: shared, raw · …      medians of the rounds, and of their ratios, are shown
 */
import { Buffer } from 'node:buffer';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { FREE_PORTS } from '../support/launcher.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';

const SELF = fileURLToPath(import.meta.url);
const SERVER = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const IMAGE_BYTES = 3 * 224 * 224 * 4;
const FORMS = ['raw', 'shared'] as const;
type Form = (typeof FORMS)[number];

interface Settings {
  readonly address: string;
  readonly callers: number;
  readonly rows: number;
  readonly seconds: number;
}

interface Counted {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

interface Measured extends Counted {
  readonly form: Form;
  /** CPU time of the server, in ms. */
  readonly cpuMs: number;
}

type Methods = Readonly<Record<string, (request: object) => Promise<unknown>>>;

async function main(models: string, args: readonly string[]): Promise<void> {
  const option = (name: string, fallback: number): number =>
    Number(args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? fallback);
  const [seconds, rounds] = [option('seconds', 2), option('rounds', 5)];
  const [callers, rows] = [option('callers', 32), option('rows', 1)];
  const server = await startServer({
    name: 'pillion',
    args: [SERVER, 'serve', ...FREE_PORTS, `--model=image_mean=${join(models, 'image_mean')}`, '--allow_client_shm'],
    isReady: (line) => line['event'] === 'ready',
  });
  const settings: Settings = { address: addressOf(server), callers, rows, seconds };
  const measured: Measured[] = [];
  try {
    await withClients(settings, async (ask) => {
      for (const form of FORMS) await ask(form);
      for (let round = 0; round < rounds; round++) {
        for (const form of round % 2 === 0 ? FORMS : FORMS.toReversed()) {
          const before = server.cpuSeconds();
          const counted = await ask(form);
          const cpuMs = ((server.cpuSeconds() - before) * 1000) / (counted.perSecond * seconds);
          measured.push({ ...counted, form, cpuMs });
        }
      }
    });
  } finally {
    await server.stop();
  }
  console.log(`${callers} callers, ${rows} images a request (${(rows * IMAGE_BYTES) / 1000} kB), ${rounds} rounds`);
  const rates = (form: Form): number[] =>
    measured.filter((each) => each.form === form).map(({ perSecond }) => perSecond);
  const ratios = rates('shared').map((rate, i) => rate / rates('raw')[i]!);
  console.log(`shared ÷ raw: ${medianOf(ratios).toFixed(2)}`);
  for (const form of FORMS) {
    const all = measured.filter((each) => each.form === form);
    const median = (of: (each: Measured) => number): number => medianOf(all.map(of));
    const rate = median(({ perSecond }) => perSecond).toFixed(0);
    const [p50, p99, cpu] = [median((each) => each.p50), median((each) => each.p99), median((each) => each.cpuMs)];
    console.log(
      `${form.padEnd(6)} ${rate} requests/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, server ${cpu.toFixed(2)} ms of CPU a request`,
    );
  }
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function addressOf({ ready }: ServerProcess): string {
  return [ready['grpc']].flat().find((each) => typeof each === 'string' && each.includes(':')) as string;
}

async function withClients(settings: Settings, run: (ask: (form: Form) => Promise<Counted>) => Promise<void>) {
  const child = fork(SELF, [JSON.stringify(settings)]);
  const broken = once(child, 'exit').then(([code]) => {
    throw new Error(`the clients ended (${code})`);
  });
  const told = async (): Promise<Counted> => (await Promise.race([once(child, 'message'), broken]))[0] as Counted;
  await told();
  await run((form) => {
    child.send(form);
    return told();
  });
  child.send('end');
  await broken.catch(() => undefined);
}

/** The other process: each of its callers has a connection, a region and an image. */
async function client(settings: Settings): Promise<void> {
  const callers = Array.from({ length: settings.callers }, (_, i) => new Caller(settings, i));
  for (const caller of callers) await caller.open();
  process.send!('ready');
  process.on('message', async (form: Form | 'end') => {
    if (form !== 'end') {
      process.send!(await count(callers, form, settings.seconds));
      return;
    }
    for (const caller of callers) await caller.close();
    process.disconnect();
  });
}

async function count(callers: readonly Caller[], form: Form, seconds: number): Promise<Counted> {
  const latencies: number[] = [];
  const end = performance.now() + seconds * 1000;
  await Promise.all(
    callers.map(async (caller) => {
      for (let at = performance.now(); at < end; ) {
        await caller.ask(form);
        const now = performance.now();
        latencies.push(now - at);
        at = now;
      }
    }),
  );
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(share * latencies.length)]!;
  return { perSecond: latencies.length / seconds, p50: at(0.5), p99: at(0.99) };
}

class Caller {
  readonly #methods: Methods;
  readonly #name: string;
  readonly #image: Buffer;
  readonly #head: object;
  readonly #place: object;
  #file = -1;

  constructor({ address, rows }: Settings, index: number) {
    this.#methods = methodsOf(address);
    this.#name = `pillion-bench-${process.pid}-${index}`;
    this.#image = Buffer.alloc(rows * IMAGE_BYTES, index + 1);
    this.#head = { name: 'image', datatype: 'FP32', shape: [rows, 3, 224, 224] };
    this.#place = {
      shared_memory_region: { string_param: this.#name },
      shared_memory_byte_size: { int64_param: this.#image.length },
    };
  }

  async open(): Promise<void> {
    this.#file = openSync(join('/dev/shm', this.#name), 'wx+', 0o600);
    writeSync(this.#file, this.#image, 0, this.#image.length, 0);
    const region = { name: this.#name, key: `/${this.#name}`, byte_size: this.#image.length };
    await this.#methods['SystemSharedMemoryRegister']!(region);
    const { inputs } = (await this.#methods['ModelMetadata']!({ name: 'image_mean' })) as {
      inputs: { name: string }[];
    };
    Object.assign(this.#head, { name: inputs[0]!.name });
  }

  async ask(form: Form): Promise<void> {
    if (form === 'shared') writeSync(this.#file, this.#image, 0, this.#image.length, 0);
    await this.#methods['ModelInfer']!({
      model_name: 'image_mean',
      inputs: [form === 'raw' ? this.#head : { ...this.#head, parameters: this.#place }],
      raw_input_contents: form === 'raw' ? [this.#image] : [],
    });
  }

  async close(): Promise<void> {
    await this.#methods['SystemSharedMemoryUnregister']!({ name: this.#name });
    closeSync(this.#file);
    unlinkSync(join('/dev/shm', this.#name));
  }
}

/** A connection of its own. */
function methodsOf(address: string): Methods {
  const definition = protoLoader.loadSync('grpc_service.proto', { includeDirs: ['proto'], keepCase: true });
  const service = definition['inference.GRPCInferenceService'] as grpc.ServiceDefinition;
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_send_message_length': -1,
  });
  return Object.fromEntries(
    Object.entries(service).map(([name, { path, requestSerialize, responseDeserialize }]) => [
      name,
      (request: object) =>
        new Promise((resolve, reject) => {
          client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => {
            if (error === null) resolve(answer);
            else reject(error);
          });
        }),
    ]),
  );
}

if (process.send === undefined) await main(process.argv[2]!, process.argv.slice(3));
else await client(JSON.parse(process.argv[2]!) as Settings);
