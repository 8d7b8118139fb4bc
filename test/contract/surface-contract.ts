/**
 * What holds of every bad request, on both surfaces, and over both versions of HTTP: it gets the row of the error table that its kind has, a text with
 * what was sent, what is wanted and one fix, a time to come back exactly where a retry helps; and the next request on
 * the same connection is answered.
 *
 * A scenario is written once and run on each surface that it has a request for. The tables are the files beside this
 * one.
 */
import assert from 'node:assert/strict';
import { ERROR_TABLE, type ErrorKind } from '../../src/core/errors.ts';
import type { RestStreamClient } from '../support/rest-stream-client.ts';
import type { GrpcClient, RestClient, SurfaceAnswer } from '../support/surface-clients.ts';
import { outputOf, type Sends } from '../support/surface-request.ts';

export type Protocol = 'rest' | 'grpc';

/** REST over HTTP/1.1, REST over HTTP/2, gRPC. */
export type SurfaceName = Protocol | 'rest-http2';

/** A request that is refused. */
export interface BadScenario extends Sends {
  readonly name: string;
  readonly kind: ErrorKind;
  /** What the text must say. One phrase may say more than one of the three. */
  readonly sent: RegExp;
  readonly wants: RegExp;
  readonly fix: RegExp;
  /** REST ends the connection with the answer: allowed for these alone, and then it must. */
  readonly closes?: boolean;
  /** A status of HTTP's own, where the request never became one. */
  readonly restStatus?: number;
  /** Answered before it is a request of ours, so it is in no count. */
  readonly isUncounted?: readonly Protocol[];
}

/** A request that looks bad and is not. */
export interface GoodScenario extends Sends {
  readonly name: string;
  /** The answer's body on REST. */
  readonly restBody?: string;
  /** The values of the first output on gRPC. */
  readonly grpcValues?: readonly unknown[];
}

export type Says = readonly [sent: RegExp, wants: RegExp, fix: RegExp];

export function bad(name: string, kind: ErrorKind, sends: Sends, [sent, wants, fix]: Says): BadScenario {
  return { name, kind, sent, wants, fix, ...sends };
}

export interface SurfaceClients {
  readonly rest: RestClient;
  readonly restHttp2: RestStreamClient;
  readonly grpc: GrpcClient;
}

/** Whether the surface has a request for it. */
export function isOn(surface: SurfaceName, { rest, grpc }: Sends): boolean {
  if (surface === 'grpc') return grpc !== undefined;
  return rest !== undefined && (surface === 'rest' || rest.bytes === undefined || rest.http2 !== undefined);
}

export async function runBad(scenario: BadScenario, surface: SurfaceName, clients: SurfaceClients): Promise<void> {
  const row = ERROR_TABLE[scenario.kind];
  const answer = await send(scenario, surface, clients);
  const code = surface === 'grpc' ? row.grpc : (scenario.restStatus ?? row.http);
  assert.equal(answer.code, code, answer.text);
  for (const part of ['sent', 'wants', 'fix'] as const) assert.match(answer.text, scenario[part], part);
  assert.equal(answer.retryAfterMs !== undefined, row.retryable, 'says when to retry where that helps');
  assert.equal(answer.closes, surface === 'rest' && scenario.closes === true, 'connection: close');
  await goOn(scenario, surface, clients);
}

export async function runGood(scenario: GoodScenario, surface: SurfaceName, clients: SurfaceClients): Promise<void> {
  const answer = await send(scenario, surface, clients);
  assert.equal(answer.code, surface === 'grpc' ? 0 : 200, answer.text);
  assert.equal(answer.closes, false);
  if (surface !== 'grpc') assert.equal(answer.body.toString(), scenario.restBody);
  else assert.deepEqual(outputOf(answer.body).values.map(plain), scenario.grpcValues);
  await goOn(scenario, surface, clients);
}

function send(scenario: Sends, surface: SurfaceName, clients: SurfaceClients): Promise<SurfaceAnswer> {
  if (surface === 'grpc') return clients.grpc.send(scenario.grpc!);
  return (surface === 'rest' ? clients.rest : clients.restHttp2).send(scenario.rest!);
}

function goOn(scenario: Sends, surface: SurfaceName, clients: SurfaceClients): Promise<void> {
  if (surface === 'grpc') return clients.grpc.good(scenario.grpc!.data !== undefined);
  return (surface === 'rest' ? clients.rest : clients.restHttp2).good();
}

/** Strings as text, so that they compare. */
function plain(value: unknown): unknown {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
}
