import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { protoMessage } from '../../../../src/codec/protobuf/proto-messages.ts';
import { parseTextProto } from '../../../../src/config/text-proto/text-proto-parser.ts';
import { TextProtoError } from '../../../../src/config/text-proto/tokenizer.ts';
import { BAD_TEXTS, GOOD_TEXTS } from '../../../support/text-proto-corpus.ts';

function errorOf(text: string, type = 'tensorflow.serving.ModelServerConfig'): string {
  try {
    parseTextProto(protoMessage(type), Buffer.from(text));
  } catch (error) {
    assert.ok(error instanceof TextProtoError, String(error));
    return error.message;
  }
  return assert.fail(`was taken: ${text}`);
}

const inModel = (text: string): string => errorOf(`model_config_list {\n  config {\n    ${text}\n  }\n}`);

describe('parseTextProto', () => {
  it('takes what the format allows', () => {
    for (const { type, text } of GOOD_TEXTS) parseTextProto(protoMessage(type), Buffer.from(text));
  });

  it('passes over a byte order mark, as C++ does, and refuses what is not UTF-8', () => {
    const type = protoMessage('tensorflow.serving.ModelServerConfig');
    parseTextProto(type, Buffer.from('\ufeffmodel_config_list {}'));
    assert.throws(() => parseTextProto(type, Buffer.of(0xc3, 0x28)), /1:1: the file is not UTF-8 text/);
  });

  it('refuses what it does not', () => {
    for (const { type, text } of BAD_TEXTS) errorOf(text, type);
  });

  it('names an unknown field’s message, its place and the nearest field', () => {
    assert.equal(inModel('nmae: "a"'), '3:5: tensorflow.serving.ModelConfig has no field "nmae"; did you mean "name"?');
    assert.match(inModel('zzzzzzzzzzzzz: 1'), /its fields are name, base_path, model_type/);
  });

  it('says what a value should have been, at the value', () => {
    assert.equal(inModel('name: 5'), '3:11: name: wants a string in quotes, not 5');
    assert.match(inModel('model_type: TENSORFLO'), /^3:17: model_type: .*did you mean TENSORFLOW\?/);
    assert.match(
      inModel('version_labels { key: "a" value: 1.5 }'),
      /^3:38: version_labels.value: wants a whole number/,
    );
    assert.match(errorOf('x', 'tensorflow.serving.BatchingParameters'), /^1:1: /);
  });

  it('says where the first of two stands', () => {
    assert.equal(inModel('name: "a"\n    name: "b"'), '4:5: name stands twice; it was given at 3:5');
    assert.match(
      errorOf('model_config_list {}\ncustom_model_config {}'),
      /^2:1: custom_model_config and model_config_list \(at 1:1\) exclude each other/,
    );
  });

  it('says that extensions and expanded Any values are not taken', () => {
    assert.match(errorOf('custom_model_config { [type.googleapis.com/x.Y] {} }'), /^1:23: .*Any values/);
  });

  it('ends at a hundred messages inside one another, however many follow', () => {
    const deep = 'features { feature { key: "a" value { } } } '.repeat(1) + 'x {'.repeat(100_000);
    assert.match(errorOf(deep, 'tensorflow.Example'), /has no field "x"/);
    const nested = `encoding { composite_tensor { ${'components { composite_tensor { '.repeat(60)}`;
    assert.match(errorOf(nested.replace('encoding { ', ''), 'tensorflow.TensorInfo'), /more than 100 messages/);
  });

  it('never shows the text of a string: it may be a key', () => {
    const secret = 'SECRETSECRET';
    for (const text of [
      `server_key: 5 "${secret}"`,
      `server_key: "${secret}\\q"`,
      `server_key: "${secret}`,
      `"${secret}"`,
      `client_verify: "${secret}"`,
    ]) {
      assert.ok(!errorOf(text, 'tensorflow.serving.SSLConfig').includes('SECRET'), text);
    }
  });

  it('takes a string of megabytes', () => {
    const text = `server_key: "${'a'.repeat(5_000_000)}"`;
    const { message } = parseTextProto(protoMessage('tensorflow.serving.SSLConfig'), Buffer.from(text));
    assert.equal((message as unknown as { serverKey: string }).serverKey.length, 5_000_000);
  });

  it('takes millions of comments and refuses millions of digits', () => {
    const type = protoMessage('tensorflow.serving.ModelServerConfig');
    parseTextProto(type, Buffer.from('# x\n'.repeat(1_000_000)));
    const digits = 'model_config_list { config { version_labels { value: '.concat('1'.repeat(2_000_000));
    assert.match(errorOf(digits), /^1:54: version_labels.value: 1{24}… is out of range; int64 goes from/);
  });

  it('tells the place of each field by its path', () => {
    const text = 'model_config_list {\n  config { name: "a" }\n  config: [{\n    name: "b" }]\n}';
    const { places } = parseTextProto(protoMessage('tensorflow.serving.ModelServerConfig'), Buffer.from(text));
    const { line, column } = places.get('model_config_list.config[1].name')!;
    assert.deepEqual([line, column], [4, 5]);
  });
});
