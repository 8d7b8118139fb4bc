/**
 * Large inputs of lone requests, which an inline model reads where they were received. Each request's input is one number
 * many times, and its answer the least and the largest: another request's bytes, or bytes of memory that was used again too
 * early, would be seen. Bodies come in pieces of any size, several on each connection, padded, and some of their clients
 * leave within them or before the answer.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { type ClientHttp2Stream, connect, constants } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer as readWhole } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { bytesField, mapField, message, messageField, varintField } from '../../src/codec/protobuf/wire-writer.ts';
import { graphModel, node } from '../support/onnx-graph.ts';
import { answerOf, frame, openCall } from '../support/raw-grpc.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';

const FLOATS = 50_000;
const DT_FLOAT = 1;
const PREDICT = '/tensorflow.serving.PredictionService/Predict';
const INFER = '/inference.GRPCInferenceService/ModelInfer';
const REQUESTS = 60;
const AT_ONCE = 6;

function writeModel(directory: string): void {
  mkdirSync(join(directory, '1'), { recursive: true });
  const axes = { axes: [1], keepdims: 0 };
  const model = graphModel({
    inputs: { x: { type: 'float', dims: ['N', FLOATS] } },
    outputs: { least: { type: 'float', dims: ['N'] }, largest: { type: 'float', dims: ['N'] } },
    nodes: [node('ReduceMin', 'x', 'least', axes), node('ReduceMax', 'x', 'largest', axes)],
  });
  writeFileSync(join(directory, '1', 'model.onnx'), model);
}

/** Numbers from 0 up to `below`, always the same ones. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const numberOf = (index: number): Buffer => Buffer.from(Float32Array.of(index + 0.123).buffer);
const inputOf = (index: number): Buffer => Buffer.alloc(4 * FLOATS, numberOf(index));

/** `lead` bytes of another field move the tensor to any alignment. */
function predict(index: number, lead: number): Uint8Array {
  const dim = (size: number): Uint8Array => messageField(2, varintField(1, size));
  const shape = messageField(2, message(dim(1), dim(FLOATS)));
  const tensor = message(varintField(1, DT_FLOAT), shape, bytesField(4, inputOf(index)));
  const spec = message(bytesField(1, 'm'), bytesField(3, 'serving_default'));
  const tail = lead === 0 ? [] : [bytesField(15, 'x'.repeat(lead))];
  return message(messageField(1, spec), mapField(2, 'x', tensor), ...tail);
}

function infer(index: number): Uint8Array {
  const tensor = message(bytesField(1, 'x'), bytesField(2, 'FP32'), varintField(3, 1), varintField(3, FLOATS));
  return message(bytesField(1, 'm'), messageField(5, tensor), bytesField(7, inputOf(index)));
}

/** Writes the bytes in pieces of any size. */
async function send(
  stream: { write(bytes: Uint8Array, done: () => void): unknown; end(): unknown },
  bytes: Buffer,
  roll: (below: number) => number,
): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const size = [1, 5, 9, 4096, 16_384, 65_519, 70_000, bytes.length][roll(8)]!;
    const piece = bytes.subarray(at, at + size);
    at += piece.length;
    await new Promise<void>((done) => stream.write(piece, done));
  }
  stream.end();
}

/** Runs so many at once. */
async function crowd(one: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < REQUESTS; index = next++) await one(index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

function assertOwn(answer: Buffer, index: number, times: number): void {
  const wanted = numberOf(index);
  let found = 0;
  for (let at = answer.indexOf(wanted); at !== -1; at = answer.indexOf(wanted, at + 4)) found += 1;
  assert.equal(found, times, `request ${index}: ${answer.toString('latin1')}`);
}

describe('a large input of a lone request', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  let sidecar: Sidecar;
  before(async () => {
    writeModel(directory);
    sidecar = await startSidecar([`--model=m=${directory}`, '--host=inline', '--log_level=debug']);
  });
  after(async () => {
    await killSidecars();
    rmSync(directory, { recursive: true });
  });

  it('over gRPC is its own, however it comes, and whoever leaves', async () => {
    const roll = dice(1);
    const sessions = Array.from({ length: 2 }, () =>
      connect(`http://${sidecar.grpc}`, { paddingStrategy: constants.PADDING_STRATEGY_MAX }),
    );
    await crowd(async (index) => {
      const isInfer = roll(2) === 0;
      const body = frame(isInfer ? infer(index) : predict(index, roll(9)));
      const stream: ClientHttp2Stream = openCall(sessions[index % 2]!, isInfer ? INFER : PREDICT);
      const fate = roll(4);
      if (fate > 1) {
        const answered = answerOf(stream);
        await send(stream, body, roll);
        const { grpcStatus, grpcMessage, message: answer } = await answered;
        assert.equal(grpcStatus, 0, grpcMessage);
        assertOwn(answer!, index, 2);
        return;
      }
      const closed = once(stream, 'close');
      const sent = fate === 0 ? body : body.subarray(0, roll(body.length));
      await new Promise<void>((done) => stream.write(sent, () => done()));
      if (fate === 0) stream.end();
      stream.close(constants.NGHTTP2_CANCEL);
      await closed;
    });
    for (const session of sessions) session.close();
  });

  it('over REST is its own, too', async () => {
    const roll = dice(2);
    await crowd(async (index) => {
      const parameters = { binary_data_size: 4 * FLOATS };
      const json = JSON.stringify({
        id: 'x'.repeat(roll(9)),
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, FLOATS], parameters }],
        parameters: { binary_data_output: true },
      });
      const body = Buffer.concat([Buffer.from(json), inputOf(index)]);
      const headers = { 'inference-header-content-length': json.length, 'content-length': body.length };
      const request = httpRequest(`${sidecar.rest}/v2/models/m/infer`, { method: 'POST', headers });
      if (roll(3) > 0) {
        const answered = once(request, 'response');
        await send(request, body, roll);
        const [response] = await answered;
        assert.equal(response.statusCode, 200);
        assertOwn(await readWhole(response), index, 2);
        return;
      }
      request.on('error', () => undefined);
      await new Promise<void>((done) => request.write(body.subarray(0, 1 + roll(body.length)), () => done()));
      request.destroy();
    });
  });
});
