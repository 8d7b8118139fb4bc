/**
 * Clients that go away, at each stage of their request, over both surfaces. What must hold: the request is counted once
 * as cancelled, in the stage that it had reached; nothing stays in flight; what waited never reached the runtime.
 *
 * The stages are met by construction. `slow` runs one batch at a time; a plug, a request of many full batches, keeps it
 * busy for as long as the plug's client stays.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { callFields, data, headers, PREFACE, ping, reset, settings } from '../support/http2-frames.ts';
import { frame, openCall, openSession } from '../support/raw-grpc.ts';
import { RawConnection } from '../support/rest-harness.ts';
import type { LogLine } from '../support/sidecar.ts';
import { restBytes } from '../support/surface-clients.ts';
import { PREDICT, predict, type SurfacePredict, tensor } from '../support/surface-request.ts';
import {
  CALLER_HEADER,
  MAX_BATCH,
  MAX_TIMEOUT_MS,
  type MetricsPage,
  type SurfaceSidecar,
} from '../support/surface-sidecar.ts';
import type { Protocol } from './surface-contract.ts';
import type { Arena } from './surface-contract-arena.ts';

/** Runs that the plug asks for: more than any test lets happen. */
const PLUG_RUNS = 40;
const PLUG_ROWS = PLUG_RUNS * MAX_BATCH;

/** The caller of the plug and of what waits behind it: the requests of others would go first. */
const CROWD = 'crowd';

/** A Predict of `slow`, from that caller. One row has so much time that it waits behind all of the plug. */
export function predictSlow(rows: number, first = 0) {
  const { rest, grpc } = predict(slowRows(rows, first));
  const headers = { [CALLER_HEADER]: CROWD, ...(rows === 1 && { 'grpc-timeout': `${MAX_TIMEOUT_MS - 1}m` }) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return { rest: { ...rest, headers: lines }, grpc: { ...grpc, headers } };
}

/** `slow` on so many rows, each with its own value. */
export function slowRows(rows: number, first = 0): SurfacePredict {
  const values = Array.from({ length: rows }, (_, i) => first + i);
  return { model: 'slow', inputs: { x: tensor('float32', [rows, 1], values) } };
}

/** Keeps `slow` busy until `leave` is called, which resolves when nothing of it is left. */
export async function plug(server: SurfaceSidecar): Promise<{ leave: () => Promise<void> }> {
  const leaver = await sendRest(server, restBytes(predictSlow(PLUG_ROWS).rest));
  await server.until((page) => page.running('slow') === 1 && page.waiting('slow') > 0);
  const leave = async (): Promise<void> => {
    const lines = server.sidecar.lines.length;
    const before = (await server.metrics()).refusals('rest', 'cancelled');
    leaver();
    await server.until((page) => page.refusals('rest', 'cancelled') === before + 1);
    await cancelledLine(server, lines);
  };
  return { leave };
}

/** A client that has sent something; calling the result is its leaving. */
type Leave = () => void;

async function sendRest(server: SurfaceSidecar, bytes: Uint8Array): Promise<Leave> {
  const connection = new RawConnection(server.rest);
  await connection.opened();
  connection.send(bytes);
  return () => connection.destroy();
}

/** `isOpen`: more of the request is to come. */
async function sendGrpc(
  server: SurfaceSidecar,
  data: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
  isOpen = false,
): Promise<Leave> {
  const session = openSession(server.grpc);
  session.on('error', () => undefined);
  const stream = openCall(session, PREDICT, headers);
  stream.on('error', () => undefined);
  if (isOpen) stream.write(data);
  else stream.end(data);
  return () => session.destroy();
}

/** The whole request, or the first half of it. */
function sendAll(server: SurfaceSidecar, surface: Protocol, rows: number, first = 0): Promise<Leave> {
  const { rest, grpc } = predictSlow(rows, first);
  return surface === 'rest' ? sendRest(server, restBytes(rest)) : sendGrpc(server, frame(grpc.message!), grpc.headers);
}

function sendHalf(server: SurfaceSidecar, surface: Protocol): Promise<Leave> {
  const { rest, grpc } = predictSlow(1);
  const half = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length - 5);
  return surface === 'rest'
    ? sendRest(server, half(restBytes(rest)))
    : sendGrpc(server, half(frame(grpc.message!)), grpc.headers, true);
}

async function good({ clients }: Arena, surface: Protocol): Promise<void> {
  await clients[surface].good();
}

/** The client leaves; its request is the one that is then cancelled, in that stage, and nothing stays. */
async function leaves(arena: Arena, surface: Protocol, leave: Leave, stage: string): Promise<MetricsPage> {
  const { server } = arena;
  const lines = server.sidecar.lines.length;
  const before = (await server.metrics()).refusals(surface, 'cancelled');
  leave();
  const page = await server.until((now) => now.refusals(surface, 'cancelled') > before);
  assert.equal(page.refusals(surface, 'cancelled'), before + 1);
  const line = await cancelledLine(server, lines);
  assert.deepEqual([line['surface'], line['stage']], [surface, stage]);
  return page;
}

/** The first log line of a cancelled request behind so many lines. It comes by a way of its own: metrics may be earlier. */
function cancelledLine({ sidecar }: SurfaceSidecar, behind: number): Promise<LogLine> {
  return sidecar.line((line) => line['outcome'] === 'cancelled' && sidecar.lines.indexOf(line) >= behind);
}

export function describeClientsThatLeave(surface: Protocol, arena: () => Arena): void {
  describe(`${surface}: the client leaves`, () => {
    test('while it sends its headers: no request was ever there', async () => {
      const { server } = arena();
      const before = (await server.metrics()).refusals(surface);
      const socket = await rawSocket(surface === 'rest' ? server.rest : server.grpc);
      socket.end(surface === 'rest' ? 'POST /v1/models/slow:predict HTTP/1.1\r\nhost: si' : HALF_OF_HEADERS);
      socket.resume();
      await new Promise((resolve) => socket.once('close', resolve));
      await good(arena(), surface);
      const page = await server.untilQuiet();
      assert.equal(page.refusals(surface), before);
    });

    test('while it sends its body', async () => {
      const { server } = arena();
      const leave = await sendHalf(server, surface);
      await server.until((page) => page.inFlight === 1);
      await leaves(arena(), surface, leave, 'receive');
      await server.untilQuiet();
      await good(arena(), surface);
    });

    test('while it waits: it leaves the queue and never reaches the runtime', async () => {
      const { server } = arena();
      const ran = (await server.untilQuiet()).ran('slow');
      const plugged = await plug(server);
      const waiting = await Promise.all([1, 2, 3].map((value) => sendAll(server, surface, 1, value)));
      await server.until((page) => page.inFlight === 4);
      for (const leave of waiting) await leaves(arena(), surface, leave, 'queue');
      await plugged.leave();
      const after = (await server.untilQuiet()).ran('slow');
      // One row of those that left would have made a batch that is not full.
      assert.equal(after.rows - ran.rows, MAX_BATCH * (after.runs - ran.runs));
      assert.ok(after.runs - ran.runs < PLUG_RUNS, 'the plug left too');
      await good(arena(), surface);
    });

    test('while it runs: it is told at once, its other batches never run, the slot is free again', async () => {
      const { server } = arena();
      const ran = (await server.untilQuiet()).ran('slow');
      const leave = await sendAll(server, surface, PLUG_ROWS);
      await server.until((page) => page.running('slow') === 1 && page.waiting('slow') > 0);
      await leaves(arena(), surface, leave, 'execute');
      const after = (await server.untilQuiet()).ran('slow');
      assert.ok(after.runs - ran.runs < PLUG_RUNS);
      await good(arena(), surface);
    });

    test('while its answer is on the way', async () => {
      const { server } = arena();
      const served = (page: MetricsPage): number =>
        page.value('pillion_request_duration_seconds_count', { model: 'whole', outcome: 'ok', surface });
      const before = served(await server.untilQuiet());
      const side = 800;
      const x = tensor('float32', [side, side], new Array<number>(side * side).fill(0.5));
      const { rest, grpc } = predict({ model: 'whole', inputs: { x } });
      // Nobody reads the answer of more than 2 MB.
      const leave =
        surface === 'rest' ? await deaf(server, restBytes(rest)) : await sendGrpc(server, frame(grpc.message!));
      await server.until((page) => served(page) === before + 1);
      leave();
      await server.untilQuiet();
      await good(arena(), surface);
    });
  });
}

/** The frames are made here: a client library may end a stream before it resets it. */
export function describeStreamsThatReset(arena: () => Arena): void {
  describe('grpc: a stream is reset, its connection stays', () => {
    for (const [stage, isOpen, rows] of [
      ['receive', true, 1],
      ['execute', false, PLUG_ROWS],
    ] as const) {
      test(`in ${stage}`, async () => {
        const { server } = arena();
        await server.untilQuiet();
        const message = frame(predict(slowRows(rows)).grpc.message!);
        const socket = await rawSocket(server.grpc);
        const received: Buffer[] = [];
        socket.on('data', (bytes) => received.push(bytes));
        socket.write(Buffer.concat([PREFACE, settings(), headers(1, GRPC_POST)]));
        socket.write(data(1, isOpen ? message.subarray(0, 9) : message, !isOpen));
        await server.until((page) => page.inFlight === 1 && (isOpen || page.running('slow') === 1));
        await leaves(arena(), 'grpc', () => socket.write(reset(1, CANCEL)), stage);
        socket.write(ping('is it up'));
        while (!Buffer.concat(received).includes('is it up'))
          await new Promise((resolve) => socket.once('data', resolve));
        socket.destroy();
        await server.untilQuiet();
      });
    }
  });
}

const CANCEL = 8;

const GRPC_POST = callFields(PREDICT, 'sidecar');

const HALF_OF_HEADERS = Buffer.concat([PREFACE, settings(), headers(1, GRPC_POST).subarray(0, 20)]);

async function rawSocket(address: string): Promise<Socket> {
  const colon = address.lastIndexOf(':');
  const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)) });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

async function deaf(server: SurfaceSidecar, bytes: Uint8Array): Promise<Leave> {
  const socket = await rawSocket(server.rest);
  socket.pause();
  socket.write(bytes);
  return () => socket.destroy();
}
