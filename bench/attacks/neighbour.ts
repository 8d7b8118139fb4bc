/**
 * The neighbour of an attack, a process of its own: small Predicts at an even rate, whether the ones before were answered
 * or not. Latency counts from the moment at which a request was due. Ten times a second a new client connects and asks for
 * once.
 *
 *   node build/bench/attacks/neighbour.js '{"surface":"grpc","address":"127.0.0.1:8500","model":"digits", …}'
 *
 * Prints a Neighbourly. An answer after two seconds counts as none.
 */
import { Buffer } from 'node:buffer';
import { Agent, request } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import process from 'node:process';
import { answerOf, frame, openCall, openSession } from '../../test/support/raw-grpc.ts';
import { bytesField, shape, varintField } from '../../test/support/wire-fragments.ts';
import { quantile } from '../support/statistics.ts';

export interface NeighbourOrder {
  readonly surface: 'grpc' | 'rest';
  /** "host:port" */
  readonly address: string;
  readonly model: 'digits' | 'half';
  readonly seconds: number;
  readonly perSecond: number;
}

export interface Neighbourly {
  readonly sent: number;
  readonly answered: number;
  /** Of clients that connected anew. */
  readonly newSent: number;
  readonly newAnswered: number;
  /** Latencies in ms. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const PATIENCE_MS = 2000;
const NEW_PER_SECOND = 10;
const WIDTH = 64;

type Ask = () => Promise<boolean>;

function grpcAsk({ address, model }: NeighbourOrder): Ask {
  const [name, dims] = model === 'digits' ? ['pixels', [1, WIDTH]] : ['x', [1]];
  const values = Buffer.from(new Float32Array(dims.at(-1)!).fill(0.5).buffer);
  const tensor = Buffer.concat([varintField(1, 1), bytesField(2, shape(...dims)), bytesField(4, values)]);
  const input = Buffer.concat([bytesField(1, name), bytesField(2, tensor)]);
  const message = frame(Buffer.concat([bytesField(1, bytesField(1, model)), bytesField(2, input)]));
  let session: ClientHttp2Session | undefined;
  return async () => {
    // As clients do: a new connection when the server has ended the last.
    if (session === undefined || session.closed || session.destroyed) {
      session = openSession(address);
      session.on('error', () => undefined);
    }
    const stream = openCall(session, '/tensorflow.serving.PredictionService/Predict', { 'grpc-timeout': '2S' });
    stream.end(message);
    return (await answerOf(stream)).grpcStatus === 0;
  };
}

function restAsk({ address, model }: NeighbourOrder): Ask {
  const agent = new Agent({ keepAlive: true });
  const body = JSON.stringify({ instances: [model === 'digits' ? new Array(WIDTH).fill(0.5) : 0.5] });
  const headers = { 'content-length': body.length };
  return () =>
    new Promise((resolve, reject) => {
      const url = `http://${address}/v1/models/${model}:predict`;
      const call = request(url, { agent, method: 'POST', headers, timeout: PATIENCE_MS }, (answer) => {
        answer.on('end', () => resolve(answer.statusCode === 200)).resume();
        answer.on('error', reject);
      });
      call.on('timeout', () => call.destroy());
      call.on('error', reject);
      call.end(body);
    });
}

/** Calls `one` at an even rate. Resolves when all have settled, or PATIENCE_MS after the last has begun. */
function evenly(count: number, perSecond: number, one: (due: number) => Promise<void>): Promise<void> {
  const calls: Promise<void>[] = [];
  const began = performance.now();
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      for (; calls.length < ((performance.now() - began) * perSecond) / 1000; ) {
        if (calls.length === count) {
          clearInterval(timer);
          setTimeout(resolve, PATIENCE_MS);
          void Promise.all(calls).then(() => resolve());
          return;
        }
        calls.push(one(began + (calls.length * 1000) / perSecond).catch(() => undefined));
      }
    }, 1);
  });
}

async function ask(order: NeighbourOrder): Promise<Neighbourly> {
  const { surface, seconds, perSecond } = order;
  const client = surface === 'grpc' ? grpcAsk : restAsk;
  const one = client(order);
  await Promise.race([one().catch(() => false), new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
  const latencies: number[] = [];
  let newAnswered = 0;
  await Promise.all([
    evenly(seconds * perSecond, perSecond, async (due) => {
      const isGood = await one();
      const ms = performance.now() - due;
      if (isGood && ms <= PATIENCE_MS) latencies.push(ms);
    }),
    evenly(seconds * NEW_PER_SECOND, NEW_PER_SECOND, async (due) => {
      const isGood = await client(order)();
      if (isGood && performance.now() - due <= PATIENCE_MS) newAnswered += 1;
    }),
  ]);
  const at = (share: number): number => (latencies.length === 0 ? Number.NaN : quantile(latencies, share));
  const sent = seconds * perSecond;
  const strange = { newSent: seconds * NEW_PER_SECOND, newAnswered };
  return { sent, answered: latencies.length, ...strange, p50: at(0.5), p99: at(0.99), max: at(1) };
}

const result = await ask(JSON.parse(process.argv[2]!) as NeighbourOrder);
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());
