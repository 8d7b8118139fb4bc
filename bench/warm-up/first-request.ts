/**
 * npm run bench -- warm-up: what the first request to a version costs, with a warm-up and without.
 *
 *   node build/bench/warm-up/first-request.js MODELS_DIRECTORY [--rounds=7] [--rows=16]
 *
 * Each round starts a server three times, in turn: cold (--enable_model_warmup=false), swept (made-up batches),
 * replayed (a warm-up file with the request that will come, ITERATIONS times). The model, a network of 50 MB, runs on
 * threads in all three. The first gRPC request is timed on a connection that is open already, by a client that has been
 * warmed up on a server before the first round, and then FOLLOWING more, for what it costs when all is warm. The ratio
 * is taken round by round, against cold.
 *
 * Prints them and writes bench/results/warm-up.json.
 */
import { Buffer } from 'node:buffer';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import grpc from '@grpc/grpc-js';
import { bytesField, message, messageField } from '../../src/codec/protobuf/wire-writer.ts';
import { writePredictRequest } from '../../src/codec/tensorflow/predict-writer.ts';
import { predictionLogParts } from '../../src/codec/tensorflow/prediction-log.ts';
import { frameRecord } from '../../src/codec/tfrecord/tf-record-writer.ts';
import { numericTensor } from '../../src/core/tensor.ts';
import { FREE_PORTS, LAUNCHED } from '../support/launcher.ts';
import { describeMachine } from '../support/machine.ts';
import { startServer } from '../support/server-process.ts';
import { median, medianRatio } from '../support/statistics.ts';

const MODEL = 'mlp_big';
/** The width of its one input, x. */
const WIDTH = 1024;
const FOLLOWING = 30;
/** Replays of the one recorded request: a warm-up file of live traffic has many. */
const ITERATIONS = 50;
const WAYS = ['cold', 'swept', 'replayed'] as const;
type Way = (typeof WAYS)[number];

interface Round {
  readonly firstMs: number;
  readonly followingMs: number;
  /** Milliseconds until the server was ready. */
  readonly startMs: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '7' }, rows: { type: 'string', default: '16' } },
});
const rows = Number(values.rows);
const request = predictRequest();
/** GetModelStatusRequest {1 model_spec {1 name}}. */
const STATUS_REQUEST = message(messageField(1, message(bytesField(1, MODEL))));

function predictRequest(): Uint8Array {
  const row = Float32Array.from({ length: rows * WIDTH }, (_, i) => Math.sin(i % WIDTH));
  return writePredictRequest({ name: MODEL }, new Map([['x', numericTensor('float32', [rows, WIDTH], row)]]), []);
}

/** One unary call, messages as they are. Rejects with what went wrong. */
function call(client: grpc.Client, method: string, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const path = `/tensorflow.serving.${method}`;
    const asIs = (each: Buffer): Buffer => each;
    client.makeUnaryRequest(path, asIs, asIs, Buffer.from(bytes), (error) => (error ? reject(error) : resolve()));
  });
}

async function measure(base: string, way: Way): Promise<Round> {
  const startedAt = performance.now();
  const server = await startServer({
    name: way,
    args: [
      ...[...LAUNCHED, 'serve', ...FREE_PORTS],
      ...[
        `--model=${MODEL}=${base},host=thread`,
        `--enable_model_warmup=${way !== 'cold'}`,
        `--num_request_iterations_for_warmup=${ITERATIONS}`,
      ],
    ],
    isReady: (line) => line['event'] === 'ready',
  });
  try {
    const startMs = performance.now() - startedAt;
    const [target] = server.ready['grpc'] as string[];
    const client = new grpc.Client(target!, grpc.credentials.createInsecure());
    // Opens the connection: a question that runs no model.
    await call(client, 'ModelService/GetModelStatus', STATUS_REQUEST);
    const ask = async (): Promise<number> => {
      const askedAt = performance.now();
      await call(client, 'PredictionService/Predict', request);
      return performance.now() - askedAt;
    };
    const firstMs = await ask();
    const following: number[] = [];
    while (following.length < FOLLOWING) following.push(await ask());
    client.close();
    return { firstMs, followingMs: median(following), startMs };
  } finally {
    await server.stop();
  }
}

/** The model with a warm-up file beside it: the request that will come, as `pillion record` would have written it. */
function withWarmUpFile(models: string, directory: string): string {
  const base = join(directory, MODEL);
  cpSync(join(models, MODEL), base, { recursive: true });
  const metadata = { name: MODEL, version: 1n, signatureName: 'serving_default', samplingRate: 1, wallMs: 0 };
  mkdirSync(join(base, '1', 'assets.extra'), { recursive: true });
  const file = join(base, '1', 'assets.extra', 'tf_serving_warmup_requests');
  writeFileSync(file, frameRecord(predictionLogParts(metadata, 'predict', request, undefined)));
  return base;
}

async function main(models: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-warm-up-'));
  const rounds: Record<Way, Round[]> = { cold: [], swept: [], replayed: [] };
  try {
    const plain = join(models, MODEL);
    const recorded = withWarmUpFile(models, directory);
    await measure(plain, 'cold');
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const way of WAYS) rounds[way].push(await measure(way === 'replayed' ? recorded : plain, way));
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
  const firsts = (way: Way): number[] => rounds[way].map(({ firstMs }) => firstMs);
  for (const way of WAYS) {
    const following = median(rounds[way].map(({ followingMs }) => followingMs));
    const start = median(rounds[way].map(({ startMs }) => startMs));
    const first = median(firsts(way));
    const ratio = medianRatio(firsts(way), firsts('cold'));
    console.log(
      `${way.padEnd(9)} first ${first.toFixed(2)} ms (${ratio.toFixed(2)} × cold), ` +
        `then ${following.toFixed(2)} ms; ready after ${start.toFixed(0)} ms`,
    );
  }
  const result = { machine: describeMachine(), model: MODEL, rows, rounds };
  writeFileSync('bench/results/warm-up.json', `${JSON.stringify(result, undefined, 1)}\n`);
}

await main(positionals[0] ?? '.cache/bench-models');
