/** Answers in slices over a stream of HTTP/2: at the client's pace, counted while they are held, never cut off unseen. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { StageClock } from '../../../../src/ledger/stage-clock.ts';
import { BodyWatch } from '../../../../src/proxy/body-pace.ts';
import { Callers } from '../../../../src/proxy/caller.ts';
import { AnswerHeads } from '../../../../src/proxy/http1/answer-head.ts';
import { UnsentAnswers } from '../../../../src/proxy/http1/unsent-answers.ts';
import { StreamTransport } from '../../../../src/proxy/http2-rest/stream-transport.ts';
import { InflationGate } from '../../../../src/proxy/inflation.ts';
import { MemoryBudget } from '../../../../src/proxy/memory-budget.ts';
import { SlicedBody } from '../../../../src/proxy/sliced-body.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { F, type Frame, headers, reset, T, windowUpdate } from '../../../support/http2-frames.ts';
import { describeFrames, Http2Peer } from '../../../support/http2-peer.ts';

const HELD = 1_000_000;
const SLICE = 60_000;
const SLICES = 5;

interface Setting {
  readonly peer: Http2Peer;
  readonly memory: MemoryBudget;
  /** Slices made so far. */
  readonly made: () => number;
}

/** A server that answers each request with SLICES slices, or fails to make the slice `failsAt`. */
async function withSlices(use: (setting: Setting) => Promise<void>, failsAt = Infinity): Promise<void> {
  const clock = new FakeClock();
  const memory = new MemoryBudget();
  let made = 0;
  async function* slices(): AsyncGenerator<Buffer> {
    for (let i = 0; i < SLICES; i++) {
      if (i === failsAt) throw new Error('a slice that cannot be made');
      made += 1;
      yield Buffer.alloc(SLICE, i);
    }
  }
  const bodies = { memory, watch: new BodyWatch(clock, Infinity), inflations: new InflationGate() };
  const unsent = new UnsentAnswers(memory.unsent);
  const parts = { clock, heads: new AnswerHeads(clock), callers: new Callers(), bodies, unsent };
  const answer = { status: 200, contentType: 'text/plain', version: '', extras: [], endsConnection: false };
  const stages = new StageClock(0);
  const peer = await Http2Peer.open({
    clock,
    handler: {
      onStream: (stream, request) => {
        const transport = new StreamTransport(stream, request, parts);
        stream.sink = transport;
        transport.send({ ...answer, stages, now: 0, body: new SlicedBody(slices(), HELD) });
      },
      onHandlerError: (error) => assert.fail(String(error)),
    },
  });
  await use({ peer, memory, made: () => made });
  await peer.close();
  assert.equal(memory.unsent.bytes, 0);
}

const ASK = headers(1, undefined, F.END_HEADERS | F.END_STREAM);
const bytesIn = (frames: readonly Frame[]): number =>
  frames.reduce((sum, { type, payload }) => (type === T.DATA ? sum + payload.length : sum), 0);

test('slices are made as the client takes them, and what they are made of counts until the last has left', async () => {
  await withSlices(async ({ peer, memory, made }) => {
    const begun = await peer.ask(ASK);
    assert.equal(bytesIn(begun), 65_535);
    assert.ok(made() < SLICES && memory.unsent.bytes >= HELD, `${made()} slices`);
    const rest = [...(await peer.ask(windowUpdate(0, HELD), windowUpdate(1, HELD))), ...(await peer.ask())];
    assert.equal(bytesIn(begun) + bytesIn(rest), SLICES * SLICE);
    assert.match(describeFrames(rest).at(-1)!, /^DATA 1 .*END$/);
    assert.equal(memory.unsent.bytes, 0);
  });
});

test('a slice that cannot be made resets the stream', async () => {
  await withSlices(async ({ peer }) => {
    const frames = [...(await peer.ask(windowUpdate(0, HELD), ASK)), ...(await peer.ask())];
    assert.equal(describeFrames(frames).at(-1), 'RST_STREAM 1 code 2');
  }, 1);
});

test('a client that leaves, or its connection, leaves nothing', async () => {
  for (const leave of [(peer: Http2Peer) => peer.send(reset(1, 8)), (peer: Http2Peer) => peer.close()]) {
    await withSlices(async ({ peer, memory, made }) => {
      await peer.ask(ASK);
      assert.ok(memory.unsent.bytes >= HELD);
      await leave(peer);
      assert.equal(memory.unsent.bytes, 0);
      assert.ok(made() < SLICES);
    });
  }
});

test('past the bound of all answers a connection that holds some gets no more', async () => {
  await withSlices(async ({ peer, memory }) => {
    memory.unsent.limit = HELD / 2;
    await peer.ask(ASK);
    const second = await peer.ask(headers(3, undefined, F.END_HEADERS | F.END_STREAM));
    assert.deepEqual(describeFrames(second), ['HEADERS 3', 'RST_STREAM 3 code 11']);
    await peer.ask(reset(1, 8));
  });
});
