/**
 * npm run bench -- path: how many files, functions and calls of src/ one warm Predict takes, over gRPC and over REST.
 *
 *   node build/bench/path/path-coverage.js [--list | --json]
 *
 * Serves the example model digits in this process, on the event loop (--host=inline), and sends it one request at a
 * time. V8's precise coverage counts the calls of each function. A file is on the path if most requests go through it;
 * functions and calls are medians. The server's periodic work waits meanwhile: on a slow machine it would be in most
 * requests' periods.
 *
 * --list prints the files with their functions, --json the files alone, for test/integration/life-of-a-request.test.ts.
 */
import { Buffer } from 'node:buffer';
import { Agent, request as httpRequest } from 'node:http';
import { Session } from 'node:inspector/promises';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import grpc from '@grpc/grpc-js';
import { bytesField, message, messageField, varintField } from '../../src/codec/protobuf/wire-writer.ts';
import { readServeConfig } from '../../src/config/serve-config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createApp } from '../../src/kernel/assembly/app.ts';
import { FEATURES } from '../../src/pillion.ts';
import { FREE_PORTS } from '../support/launcher.ts';
import { median } from '../support/statistics.ts';

const MODEL = 'digits';
const PIXELS = 64;
const WARM_UP_REQUESTS = 40;
const MEASURED_REQUESTS = 9;
/** Time in which the work that follows an answer ends. */
const SETTLE_MS = 50;
/** A timer as long as this belongs to no request. */
const PERIODIC_MS = 200;
/** The compiled sources, with a slash at the end. */
const SOURCES = new URL('../../src/', import.meta.url).href;

type FunctionCalls = readonly [name: string, calls: number];

/** The functions that were called, by file below src/. */
type Coverage = ReadonlyMap<string, readonly FunctionCalls[]>;

interface Path {
  readonly files: readonly string[];
  readonly functions: number;
  readonly calls: number;
  /** The coverage of the last request. */
  readonly last: Coverage;
}

/** Sends one request; each has other numbers. */
type Send = (number: number) => Promise<void>;

const { values } = parseArgs({
  options: { list: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});

const pixels = (number: number): number[] => Array.from({ length: PIXELS }, (_, i) => (i % 16) + number + 0.123456789);

/** PredictRequest {1 model_spec {1 name}, 2 inputs {1 key, 2 TensorProto {1 dtype, 2 shape, 5 float_val}}}. */
function predictRequest(number: number): Buffer {
  const sizes = [1, PIXELS].map((size) => messageField(2, varintField(1, size)));
  const floats = Buffer.from(Float32Array.from(pixels(number)).buffer);
  const tensor = message(varintField(1, 1), messageField(2, message(...sizes)), bytesField(5, floats));
  const input = message(bytesField(1, 'pixels'), messageField(2, tensor));
  return Buffer.from(message(messageField(1, message(bytesField(1, MODEL))), messageField(2, input)));
}

function grpcSender(address: string): Send {
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const asIs = (bytes: Buffer): Buffer => bytes;
  // Made before: the codec that writes them is counted.
  const requests = Array.from({ length: WARM_UP_REQUESTS }, (_, number) => predictRequest(number));
  return (number) =>
    new Promise((resolve, reject) => {
      const path = '/tensorflow.serving.PredictionService/Predict';
      client.makeUnaryRequest(path, asIs, asIs, requests[number]!, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
}

function restSender(address: string): Send {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const url = `http://${address}/v1/models/${MODEL}:predict`;
  return (number) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify({ instances: [pixels(number)] });
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const request = httpRequest(url, { agent, method: 'POST', headers }, (response) => {
        response.resume();
        response.once('end', () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`the server answered ${response.statusCode}`));
        });
      });
      request.once('error', reject);
      request.end(body);
    });
}

/** The calls since the last `take`. */
async function take(session: Session): Promise<Coverage> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const coverage = new Map<string, readonly FunctionCalls[]>();
  for (const { url, functions } of result) {
    if (!url.startsWith(SOURCES)) continue;
    // The function that begins at 0 is the module itself.
    const called = functions.filter(({ ranges }) => ranges[0]!.startOffset > 0 && ranges[0]!.count > 0);
    if (called.length === 0) continue;
    // Functions of two classes in one file may have the same name.
    const calls = called.map(({ functionName, ranges }) => [functionName || '=>', ranges[0]!.count] as const);
    coverage.set(url.slice(SOURCES.length).replace(/\.js$/, '.ts'), calls);
  }
  return coverage;
}

/** Keeps long timers of the system's clock from firing from now on. */
function holdPeriodicWork(): void {
  const { setTimer } = systemClock;
  const held = { cancel: () => {} };
  systemClock.setTimer = (at, fire) =>
    at - systemClock.nowMs() < PERIODIC_MS ? setTimer.call(systemClock, at, fire) : held;
}

async function measure(session: Session, send: Send): Promise<Path> {
  for (let i = 0; i < WARM_UP_REQUESTS; i++) await send(i);
  const taken: Coverage[] = [];
  for (let i = 0; i < MEASURED_REQUESTS; i++) {
    await sleep(SETTLE_MS);
    await take(session);
    await send(i % 3);
    await sleep(SETTLE_MS);
    taken.push(await take(session));
  }
  const seen = new Set(taken.flatMap((coverage) => [...coverage.keys()]));
  const isUsual = (file: string): boolean => taken.filter((coverage) => coverage.has(file)).length * 2 > taken.length;
  const files = [...seen].filter(isUsual).sort();
  const usual = taken.map((coverage) => files.flatMap((file) => [...(coverage.get(file)?.values() ?? [])]));
  return {
    files,
    functions: median(usual.map((calls) => calls.length)),
    calls: median(usual.map((calls) => calls.reduce((sum, [, count]) => sum + count, 0))),
    last: taken.at(-1)!,
  };
}

function show(name: string, { files, functions, calls, last }: Path): void {
  console.log(`${name}: ${files.length} files, ${functions} functions, ${calls} calls`);
  if (!values.list) return;
  for (const file of files) {
    const called = (last.get(file) ?? []).map(([each, count]) => (count > 1 ? `${each} ×${count}` : each));
    console.log(`  ${file}  ${called.join(', ')}`);
  }
}

const { config, errors } = readServeConfig({
  args: [
    ...[`--model_name=${MODEL}`, `--model_base_path=${process.cwd()}/examples/digits/models/digits`],
    ...FREE_PORTS,
    '--log_level=error',
    '--host=inline',
  ],
  environment: {},
  features: FEATURES,
});
if (config === undefined) throw new Error(errors?.join('; '));
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
const app = createApp({ config, features: FEATURES, environment: {} });
const addresses = await app.start();
holdPeriodicWork();
const overGrpc = await measure(session, grpcSender(addresses.grpc[0]!));
const overRest = await measure(session, restSender(addresses.rest[0]!));
if (values.json) console.log(JSON.stringify({ grpc: overGrpc.files, rest: overRest.files }));
else {
  show('gRPC', overGrpc);
  show('REST', overRest);
}
process.exit(0);
