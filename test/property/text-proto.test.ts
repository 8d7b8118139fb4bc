/** Whatever a message holds and however it is spelled, its text reads back as the same bytes; no text ends the process. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { toBinary } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import fc from 'fast-check';
import { protoMessage } from '../../src/codec/protobuf/proto-messages.ts';
import { parseTextProto } from '../../src/config/text-proto/text-proto-parser.ts';
import { TextProtoError } from '../../src/config/text-proto/tokenizer.ts';
import { arbitraryMessage, printTextProto } from '../support/text-proto-printer.ts';

const TYPES = [
  'tensorflow.serving.ModelServerConfig',
  'tensorflow.serving.BatchingParameters',
  'tensorflow.serving.SSLConfig',
  'tensorflow.serving.PredictRequest',
  'inference.ModelConfig',
].map(protoMessage);

describe('text format', () => {
  for (const type of TYPES) {
    it(`reads back every ${type.name}`, () => {
      fc.assert(
        fc.property(arbitraryMessage(type), fc.array(fc.nat(1000), { minLength: 1 }), (message, numbers) => {
          let asked = 0;
          const text = printTextProto(reflect(type, message), () => numbers[asked++ % numbers.length]!);
          const { message: read } = parseTextProto(type, Buffer.from(text, 'utf8'));
          assert.deepEqual(toBinary(type, read), toBinary(type, message), text);
        }),
        { numRuns: 200 },
      );
    });
  }

  it('answers any mutilated text with a place inside it', () => {
    const type = TYPES[0]!;
    fc.assert(
      fc.property(
        arbitraryMessage(type),
        fc.nat(),
        fc.nat(4),
        fc.string({ unit: fc.constantFrom('{', '}', '"', ':', '[', '#', '\n', '\\', 'a', '0', '-', '.') }),
        (message, where, removed, added) => {
          const text = printTextProto(reflect(type, message), () => 0);
          const at = where % (text.length + 1);
          const mutilated = text.slice(0, at) + added + text.slice(at + removed);
          try {
            parseTextProto(type, Buffer.from(mutilated, 'utf8'));
          } catch (error) {
            assert.ok(error instanceof TextProtoError, String(error));
            const line = mutilated.split('\n')[error.position.line - 1];
            assert.ok(line !== undefined && error.position.column >= 1 && error.position.column <= line.length + 1);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('answers any bytes with a message or a place', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          parseTextProto(TYPES[0]!, bytes);
        } catch (error) {
          assert.ok(error instanceof TextProtoError, String(error));
        }
      }),
    );
  });
});
