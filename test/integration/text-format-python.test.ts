/** Our reader of text format beside protobuf's own for Python: the same texts are refused, the others mean the same. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { describe, it } from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { protoMessage } from '../../src/codec/protobuf/proto-messages.ts';
import { parseTextProto } from '../../src/config/text-proto/text-proto-parser.ts';
import { TextProtoError } from '../../src/config/text-proto/tokenizer.ts';
import { PROTO_DESCRIPTORS } from '../../src/gen/proto-descriptors.ts';
import { BAD_TEXTS, GOOD_TEXTS } from '../support/text-proto-corpus.ts';

const PYTHON = process.env['PILLION_TEST_PYTHON'] ?? '';

describe('text format beside Python’s', {
  skip: PYTHON === '' && 'run npm test: it prepares the Python packages',
}, () => {
  it('refuses and understands the same texts', () => {
    const texts = [...GOOD_TEXTS, ...BAD_TEXTS];
    const input = JSON.stringify({ files: PROTO_DESCRIPTORS.map(([, base64]) => base64), texts });
    const { stdout, stderr, status } = spawnSync(PYTHON, ['test/clients/text_format.py'], { input, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const answers = JSON.parse(stdout) as (string | null)[];
    assert.equal(answers.length, texts.length);
    const differences = texts.filter(({ type, text }, i) => ours(type, text) !== normal(type, answers[i] ?? undefined));
    assert.deepEqual(
      differences,
      texts.filter(({ pythonDiffers }) => pythonDiffers !== undefined),
    );
  });
});

/** The message in base64; undefined if refused. */
function ours(name: string, text: string): string | undefined {
  const type = protoMessage(name);
  try {
    return Buffer.from(toBinary(type, parseTextProto(type, Buffer.from(text)).message)).toString('base64');
  } catch (error) {
    assert.ok(error instanceof TextProtoError);
    return undefined;
  }
}

/** Theirs as our writer orders the fields. */
function normal(name: string, base64: string | undefined): string | undefined {
  if (base64 === undefined) return undefined;
  const type = protoMessage(name);
  return Buffer.from(toBinary(type, fromBinary(type, Buffer.from(base64, 'base64')))).toString('base64');
}
