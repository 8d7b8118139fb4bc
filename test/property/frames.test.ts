import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FRAME, type Frame, HEAD_BYTES, readHead } from '../../src/backends/host/process/frame.ts';
import { FrameReader } from '../../src/backends/host/process/stream-frames.ts';
import { answerFrame, callFrame, readAnswer, readCall } from '../../src/backends/host/process/tensor-frames.ts';
import type { Call } from '../../src/backends/host/worker-call.ts';
import type { Tensor } from '../../src/core/tensor.ts';

const bytes = fc.uint8Array({ maxLength: 40_000 });
const tensor: fc.Arbitrary<Tensor> = fc.oneof(
  bytes.map((data) => ({ dtype: 'uint8', shape: [data.byteLength], data }) as const),
  fc
    .array(fc.uint8Array({ maxLength: 9 }), { maxLength: 9 })
    .map((data) => ({ dtype: 'string', shape: [1, data.length], data }) as const),
);
const tensors = fc.array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 5000 }), tensor), { maxLength: 4 });
const call: fc.Arbitrary<Call> = fc.record({
  signatureName: fc.string({ unit: 'grapheme' }),
  inputs: tensors.map((list) => new Map(list)),
  outputs: fc.array(fc.string()),
  traceparent: fc.constantFrom(undefined, `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`),
  deadline: fc.oneof(fc.double({ noNaN: true }), fc.constant(Infinity)),
});

describe('frames', () => {
  it('come out as they went in, however the stream cuts them', () => {
    fc.assert(
      fc.property(
        fc.array(call, { minLength: 1, maxLength: 3 }),
        fc.array(fc.integer({ min: 1, max: 70_000 })),
        (calls, cuts) => {
          const stream = Buffer.concat(calls.flatMap((each, i) => [...callFrame(each, i)]));
          const frames = framesOf(stream, cuts);
          assert.deepEqual(frames.map(readCall).map(plain), calls.map(plain));
          assert.deepEqual(
            frames.map(({ session }) => session),
            calls.map((_, i) => i),
          );
        },
      ),
    );
  });

  it('hold answers as they hold calls', () => {
    fc.assert(
      fc.property(call, fc.double({ noNaN: true }), ({ inputs: outputs }, runStart) => {
        const [frame] = framesOf(Buffer.concat([...answerFrame({ outputs, runStart, runEnd: runStart + 1 }, 7)]), []);
        assert.equal(frame!.session, 7);
        const answer = readAnswer(frame!);
        assert.deepEqual([answer.runStart, answer.runEnd], [runStart, runStart + 1]);
        assert.deepEqual(plainTensors(answer.outputs), plainTensors(outputs));
      }),
    );
  });

  it('of any other bytes are refused or read, and never end the reader otherwise', () => {
    fc.assert(
      fc.property(call, fc.nat(), fc.integer({ min: 1, max: 255 }), (each, place, flip) => {
        const frame = Buffer.concat([...callFrame(each, 1)]);
        const at = place % Math.min(frame.byteLength, 200);
        frame[at] = frame[at]! ^ flip;
        try {
          framesOf(frame, []).forEach(readCall);
        } catch (error) {
          assert.ok(error instanceof Error);
        }
      }),
    );
  });

  it('are refused by a head that cannot be one, before memory is taken for it', () => {
    const head = (kind: number, metaBytes: number, bodyBytes: number): Buffer => {
      const made = Buffer.alloc(HEAD_BYTES);
      made.writeUInt32LE(kind, 0);
      made.writeUInt32LE(metaBytes, 8);
      made.writeUInt32LE(bodyBytes, 12);
      return made;
    };
    const tooLarge = [head(2, 0, 2 ** 32 - 1), head(2, 2 ** 32 - 1, 0), head(2, 2 ** 31, 2 ** 31)];
    for (const broken of [head(0, 0, 0), head(FRAME.notes + 1, 0, 0), ...tooLarge]) {
      assert.throws(() => readHead(broken), /not a frame/);
    }
    assert.equal(readHead(head(FRAME.run, 9, 8)).restBytes, 24);
  });
});

/** The stream in chunks as a socket gives them: each in memory of its own. */
function framesOf(stream: Buffer, cuts: readonly number[]): Frame[] {
  const frames: Frame[] = [];
  const reader = new FrameReader((frame) => frames.push(frame));
  let at = 0;
  for (const cut of [...cuts, stream.byteLength]) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(cut, stream.byteLength - at));
    stream.copy(chunk, 0, at);
    reader.push(chunk);
    at += chunk.byteLength;
  }
  return frames;
}

function plain({ inputs, ...rest }: Call): unknown {
  return { ...rest, inputs: plainTensors(inputs) };
}

function plainTensors(inputs: Call['inputs']): unknown {
  return [...inputs].map(([name, { data, ...rest }]) => ({
    name,
    ...rest,
    data: (data instanceof Uint8Array ? [data] : data).map((each) => Buffer.from(each).toString('hex')),
  }));
}
