/**
 * The neighbour of an attack, a process of its own: small Predicts at an even rate, whether the ones before were
 * answered or not. Latency counts from the moment at which a request was due. Ten times a second a new client connects
 * and asks for once.
 *
 *   node build/bench/attacks/neighbour.js '{"surface":"grpc","address":"127.0.0.1:8500","model":"digits", …}'
 *
 * Prints a Neighbourly. An answer after two seconds counts as none.
 */
import { Buffer } from 'node:buffer';
import process from 'node:process';
import {
  grpcClient,
  Neighbour,
  type NeighbourClient,
  type NeighbourResult,
  restClient,
} from '../../test/support/neighbour.ts';
import { frame } from '../../test/support/raw-grpc.ts';
import { bytesField, shape, varintField } from '../../test/support/wire-fragments.ts';

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
  /** Requests of clients that connected anew. */
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

function grpcOf({ address, model }: NeighbourOrder): NeighbourClient {
  const [name, dims] = model === 'digits' ? ['pixels', [1, WIDTH]] : ['x', [1]];
  const values = Buffer.from(new Float32Array(dims.at(-1)!).fill(0.5).buffer);
  const tensor = Buffer.concat([varintField(1, 1), bytesField(2, shape(...dims)), bytesField(4, values)]);
  const input = Buffer.concat([bytesField(1, name), bytesField(2, tensor)]);
  const message = frame(Buffer.concat([bytesField(1, bytesField(1, model)), bytesField(2, input)]));
  return grpcClient(address, message, { 'grpc-timeout': '2S' });
}

function restOf({ address, model }: NeighbourOrder): NeighbourClient {
  const body = JSON.stringify({ instances: [model === 'digits' ? new Array(WIDTH).fill(0.5) : 0.5] });
  return restClient(`http://${address}/v1/models/${model}:predict`, body);
}

const open = (order: NeighbourOrder): NeighbourClient => (order.surface === 'grpc' ? grpcOf : restOf)(order);

/** A client that connects anew for each request. */
function strangers(order: NeighbourOrder): NeighbourClient {
  const ask = async (): Promise<string> => {
    const client = open(order);
    const heard = await client.ask();
    client.close();
    return heard;
  };
  return { ask, close: () => undefined };
}

function sendEvenly(client: NeighbourClient, seconds: number, perSecond: number): Promise<NeighbourResult> {
  return new Neighbour([client], { perSecond, total: seconds * perSecond, patienceMs: PATIENCE_MS }).end();
}

async function ask(order: NeighbourOrder): Promise<Neighbourly> {
  const client = open(order);
  await Promise.race([client.ask(), new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
  const [known, strange] = await Promise.all([
    sendEvenly(client, order.seconds, order.perSecond),
    sendEvenly(strangers(order), order.seconds, NEW_PER_SECOND),
  ]);
  const { sent, answered, p50, p99, max } = known;
  return { sent, answered, newSent: strange.sent, newAnswered: strange.answered, p50, p99, max };
}

const result = await ask(JSON.parse(process.argv[2]!) as NeighbourOrder);
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());
