/**
 * npm test -- tfjs-long: does a sidecar with models of TensorFlow keep its memory, hour after hour?
 *
 *   200 times    a second model is loaded and unloaded again, each in a process of its own
 *   200,000      predicts of one model, 20,000 of them wrong: refused by the server, and by TensorFlow itself
 *
 * The peak of resident memory in the last quarter, of the sidecar and of the model's process, must be within a tenth of that
 * in the first. Peaks, because V8 gives up most of its young generation when little is allocated for a while, and doubles it
 * when it fills: 4 to 32 MiB here, more than the tenth that is looked for. Two single looks differ by which of them met it
 * small; what is held for good raises every peak after it. So many predicts, because V8's heap and TensorFlow's memory take
 * some 50,000 of them to get as large as they will.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import { credentials } from '@grpc/grpc-js';
import { type Answer, clientClass, MODEL } from '../../support/grpc-harness.ts';
import { killSidecars, startSidecar } from '../../support/sidecar.ts';
import { DIGITS_MODELS, FIXTURES } from './tfjs-models.ts';

const CYCLES = 200;
const QUARTERS = 4;
const PREDICTS = 200_000;
/** One in so many is wrong. */
const WRONG_EVERY = 10;
/** Between two looks at memory. */
const PREDICTS_A_STEP = 250;
const CONNECTIONS = 8;
const ALLOWED = 1.1;
const MIB = 2 ** 20;

describe('memory of a sidecar with models of TensorFlow', () => {
  after(killSidecars);

  it(`is kept over ${CYCLES} loads and unloads`, async (t) => {
    const reloads = ['--enable_reload_rpc', `--model_roots=${resolve(FIXTURES)}`];
    const sidecar = await startSidecar([`--model=half_plus_two=${FIXTURES}/half_plus_two`, ...reloads]);
    const Client = clientClass(MODEL);
    const client: Answer = new Client(sidecar.grpc, credentials.createInsecure());
    const peaks = await peaksByQuarter(CYCLES, [sidecar.process.pid!], async () => {
      await reload(client, ['half_plus_two', 'module']);
      await reload(client, ['half_plus_two']);
    });
    t.diagnostic(`sidecar's peak in each quarter: ${shown(peaks[0]!)}`);
    client.close();
    assertKept(peaks[0]!);
    // A reload answers when the list is in force; the last process may still be on its way out.
    while (childrenOf(sidecar.process.pid!).length > 1) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(await sidecar.stop(), 0);
  });

  it(`is kept over ${PREDICTS} predicts, one in ${WRONG_EVERY} of them wrong`, async (t) => {
    // What is remembered of requests fills its memory within minutes.
    const options = ['--flight_recorder_max_mib=1'];
    const sidecar = await startSidecar([`--model=digits=${DIGITS_MODELS}/digits_tensorflow`, ...options]);
    const [child] = childrenOf(sidecar.process.pid!);
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const answers = { 200: 0, 400: 0 };
    const peaks = await peaksByQuarter(PREDICTS / PREDICTS_A_STEP, [sidecar.process.pid!, child!], () =>
      predicts(agent, `${sidecar.rest}/v1/models/digits:predict`, answers),
    );
    agent.destroy();
    t.diagnostic(`peaks in each quarter: sidecar ${shown(peaks[0]!)}; child ${shown(peaks[1]!)}`);
    assert.deepEqual(answers, { 200: PREDICTS - PREDICTS / WRONG_EVERY, 400: PREDICTS / WRONG_EVERY });
    for (const each of peaks) assertKept(each);
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

/** PREDICTS_A_STEP of them over all connections; counts the answers by their status. */
async function predicts(agent: Agent, url: string, answers: Record<number, number>): Promise<void> {
  let next = 0;
  const client = async (): Promise<void> => {
    for (let i = next++; i < PREDICTS_A_STEP; i = next++) {
      const body = i % WRONG_EVERY === 0 ? WRONG[(i / WRONG_EVERY) % WRONG.length]! : GOOD;
      const status = await post(agent, url, body);
      answers[status] = (answers[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
}

/** The largest resident memory of each process in each quarter of the steps, in bytes, looked at after each of them. */
async function peaksByQuarter(
  steps: number,
  pids: readonly number[],
  step: () => Promise<void>,
): Promise<readonly (readonly number[])[]> {
  const peaks = pids.map(() => new Array<number>(QUARTERS).fill(0));
  for (let i = 0; i < steps; i++) {
    await step();
    const quarter = Math.floor((i * QUARTERS) / steps);
    for (const [at, pid] of pids.entries()) peaks[at]![quarter] = Math.max(peaks[at]![quarter]!, residentBytes(pid));
  }
  return peaks;
}

function assertKept(peaks: readonly number[]): void {
  assert.ok(peaks[QUARTERS - 1]! < ALLOWED * peaks[0]!, `it grew: ${shown(peaks)}`);
}

function shown(bytes: readonly number[]): string {
  return `${bytes.map((each) => Math.round(each / MIB)).join(', ')} MiB`;
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
