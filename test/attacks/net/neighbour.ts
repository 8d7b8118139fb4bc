/**
 * A well-behaved client beside an attack: Predict at a steady rate on one connection, whether or not answers come, and
 * five times a second a health check on a new one.
 */
import { Buffer } from 'node:buffer';
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { grpcHealth, httpStatus } from '../../support/probes.ts';

const PER_SECOND = 100;
const NEW_EVERY = 20;
const TIMEOUT_MS = 2000;

export interface Neighbour {
  readonly sent: number;
  readonly good: number;
  readonly p99Ms: number;
  /** Checks on new connections. */
  readonly checked: number;
  readonly checkedWell: number;
}

/** Asks for one Predict; resolves with whether the answer is good. */
type Ask = () => Promise<boolean>;

/** @param address "host:port" of the surface */
export async function neighbour(surface: 'grpc' | 'rest', address: string, seconds: number): Promise<Neighbour> {
  const { ask, check, close } = surface === 'rest' ? restClient(address) : grpcClient(address);
  const times: number[] = [];
  let checked = 0;
  let checkedWell = 0;
  const sent = seconds * PER_SECOND;
  const all: Promise<void>[] = [];
  const start = performance.now();
  for (let i = 0; i < sent; i++) {
    const wait = start + (i * 1000) / PER_SECOND - performance.now();
    if (wait > 0) await pause(wait);
    const began = performance.now();
    all.push(inTime(ask()).then((isGood) => void (isGood && times.push(performance.now() - began))));
    if (i % NEW_EVERY > 0) continue;
    checked += 1;
    all.push(
      inTime(check()).then((isGood) => {
        checkedWell += isGood ? 1 : 0;
      }),
    );
  }
  await Promise.all(all);
  close();
  times.sort((a, b) => a - b);
  const p99Ms = times[Math.floor(times.length * 0.99)] ?? Number.NaN;
  return { sent, good: times.length, p99Ms, checked, checkedWell };
}

function inTime(work: Promise<boolean>): Promise<boolean> {
  return Promise.race([work, pause(TIMEOUT_MS, false)]);
}

interface NeighbourClient {
  readonly ask: Ask;
  readonly check: Ask;
  close(): void;
}

function restClient(address: string): NeighbourClient {
  const agent = new Agent({ keepAlive: true });
  const body = JSON.stringify({ instances: [{ pixels: new Array<number>(64).fill(0) }] });
  const url = `http://${address}/v1/models/digits`;
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  const ask = (): Promise<boolean> =>
    new Promise((resolve) => {
      const sent = request(`${url}:predict`, { agent, method: 'POST', headers }, (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode === 200));
      });
      sent.once('error', () => resolve(false));
      sent.end(body);
    });
  return { ask, check: async () => (await httpStatus(url)) === 200, close: () => agent.destroy() };
}

function grpcClient(address: string): NeighbourClient {
  const client = new Client(address, credentials.createInsecure());
  const protos = loadSync('tensorflow_serving/apis/prediction_service.proto', { includeDirs: ['proto'] });
  const service = protos['tensorflow.serving.PredictionService'] as unknown as {
    Predict: { path: string; requestSerialize(value: unknown): Buffer };
  };
  const body = service.Predict.requestSerialize({
    modelSpec: { name: 'digits' },
    inputs: {
      pixels: {
        dtype: 'DT_FLOAT',
        tensorShape: { dim: [{ size: 1 }, { size: 64 }] },
        tensorContent: new Uint8Array(64 * 4),
      },
    },
  });
  const ask = (): Promise<boolean> =>
    new Promise((resolve) => {
      const same = (bytes: Buffer): Buffer => bytes;
      client.makeUnaryRequest(service.Predict.path, same, same, Buffer.from(body), (error) => resolve(error === null));
    });
  return { ask, check: async () => (await grpcHealth(address)) === '0801', close: () => client.close() };
}
