/**
 * npm run test:tfjs-long: does a sidecar with models of TensorFlow keep its memory, hour after hour?
 *
 *   200 times    a second model is loaded and unloaded again, each in a process of its own
 *   50,000       predicts of one model, 5,000 of them wrong: refused by the server, and by TensorFlow itself
 *
 * Resident memory of the sidecar, and of the model's process, must end within a tenth of what it was after the first
 * quarter of the loads and the first tenth of the predicts.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import { credentials } from '@grpc/grpc-js';
import { type Answer, clientClass, MODEL } from '../support/grpc-harness.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { DIGITS_MODELS, FIXTURES } from '../support/tfjs-models.ts';

const CYCLES = 200;
const QUARTERS = 4;
const PREDICTS = 50_000;
/** One in so many is wrong. */
const WRONG_EVERY = 10;
const CONNECTIONS = 8;
const ALLOWED = 1.1;
const MIB = 2 ** 20;

describe('memory of a sidecar with models of TensorFlow', () => {
  after(killSidecars);

  it(`is kept over ${CYCLES} loads and unloads`, async (t) => {
    const sidecar = await startSidecar([`--model=half_plus_two=${FIXTURES}/half_plus_two`]);
    const Client = clientClass(MODEL);
    const client: Answer = new Client(sidecar.grpc, credentials.createInsecure());
    const cycle = async (): Promise<void> => {
      await reload(client, ['half_plus_two', 'module']);
      await reload(client, ['half_plus_two']);
    };
    const sizes: number[] = [];
    for (let i = 0; i < CYCLES; i++) {
      if (i % (CYCLES / QUARTERS) === 0 && i > 0) sizes.push(residentBytes(sidecar.process.pid!));
      await cycle();
    }
    sizes.push(residentBytes(sidecar.process.pid!));
    t.diagnostic(`sidecar after each quarter: ${sizes.map((each) => Math.round(each / MIB)).join(', ')} MiB`);
    client.close();
    assert.ok(sizes[QUARTERS - 1]! < ALLOWED * sizes[0]!);
    // A reload answers when the list is in force; the last process may still be on its way out.
    while (childrenOf(sidecar.process.pid!).length > 1) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(await sidecar.stop(), 0);
  });

  it(`is kept over ${PREDICTS} predicts, one in ${WRONG_EVERY} of them wrong`, async (t) => {
    const sidecar = await startSidecar([`--model=digits=${DIGITS_MODELS}/digits_tensorflow`]);
    const [child] = childrenOf(sidecar.process.pid!);
    const sizes = (): readonly number[] => [sidecar.process.pid!, child!].map(residentBytes);
    const answers = { 200: 0, 400: 0 };
    await predicts(sidecar, PREDICTS / 10, answers);
    const before = sizes();
    await predicts(sidecar, PREDICTS - PREDICTS / 10, answers);
    const end = sizes();
    const shown = (bytes: readonly number[]): string => bytes.map((each) => Math.round(each / MIB)).join(' and ');
    t.diagnostic(`sidecar and child: ${shown(before)} MiB after ${PREDICTS / 10}, ${shown(end)} at the end`);
    assert.deepEqual(answers, { 200: PREDICTS - PREDICTS / WRONG_EVERY, 400: PREDICTS / WRONG_EVERY });
    for (const [i, size] of end.entries()) assert.ok(size < ALLOWED * before[i]!);
    assert.equal(await sidecar.stop(), 0);
  });
});

function reload(client: Answer, models: readonly string[]): Promise<void> {
  const config = models.map((name) => ({ name, base_path: resolve(FIXTURES, name), model_platform: 'tensorflow' }));
  return new Promise((resolve, reject) => {
    client.HandleReloadConfigRequest({ config: { model_config_list: { config } } }, (error: Error | null) =>
      error === null ? resolve() : reject(error),
    );
  });
}

const GOOD = JSON.stringify({ instances: [new Array(64).fill(1)] });
const WRONG = [
  // Refused by the server: the shape is not the signature's.
  JSON.stringify({ instances: [new Array(63).fill(1)] }),
  // Refused by TensorFlow, with a string of some size: it is no example.
  JSON.stringify({ signature_name: 'classify', instances: [{ b64: Buffer.alloc(20_000, 0xff).toString('base64') }] }),
];

async function predicts(sidecar: Sidecar, count: number, answers: Record<number, number>): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const url = `${sidecar.rest}/v1/models/digits:predict`;
  let next = 0;
  const client = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) {
      const body = i % WRONG_EVERY === 0 ? WRONG[(i / WRONG_EVERY) % WRONG.length]! : GOOD;
      const status = await post(agent, url, body);
      answers[status] = (answers[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  agent.destroy();
}

function post(agent: Agent, url: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent, method: 'POST' }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode!));
    });
    call.on('error', reject);
    call.end(body);
  });
}

function residentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return 1024 * Number(kibibytes);
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}
