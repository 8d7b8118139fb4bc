/** The small messages of the protocol; above all the two that Triton and KServe number differently. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { create, createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import {
  logSettingsResponse,
  readIndexRequest,
  readModelQuestion,
  readRepositoryRequest,
  readSettingNames,
  repositoryResponse,
} from '../../../../src/codec/open-inference/lookup-messages.ts';
import { decode, encode, type Fields } from '../../../support/proto-registry.ts';

const KSERVE = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync('test/golden/wire/kserve.fds.bin')));

const kserve = (name: string) => KSERVE.getMessage(`inference.${name}`)!;

describe('a request to load or unload', () => {
  it('of Triton has its name in field 2, and is answered without fields', () => {
    const bytes = encode('inference.RepositoryModelLoadRequest', {
      ...{ repositoryName: 'r', modelName: 'm' },
      parameters: {
        config: { parameterChoice: { case: 'stringParam', value: '{}' } },
        'file:1/model.onnx': { parameterChoice: { case: 'bytesParam', value: Buffer.from([0xff]) } },
      },
    });
    const request = readRepositoryRequest(bytes, 'RepositoryModelLoadRequest');
    assert.deepEqual([request.repository, request.name], ['r', 'm']);
    assert.deepEqual([...request.parameters.keys()].sort(), ['config', 'file:1/model.onnx']);
    assert.equal(repositoryResponse(request).length, 0);
  });

  for (const [verb, done] of [
    ['Load', 'isLoaded'],
    ['Unload', 'isUnloaded'],
  ] as const) {
    it(`of KServe has its name in field 1, and is answered with it: ${verb}`, () => {
      const type = kserve(`RepositoryModel${verb}Request`);
      const bytes = toBinary(type, create(type, { modelName: 'm' } as never));
      const request = readRepositoryRequest(bytes, `RepositoryModel${verb}Request`);
      assert.deepEqual([request.repository, request.name], ['', 'm']);
      const answer = fromBinary(
        kserve(`RepositoryModel${verb}Response`),
        repositoryResponse(request),
      ) as unknown as Fields;
      assert.deepEqual([answer['modelName'], answer[done]], ['m', true]);
    });
  }
});

describe('small messages', () => {
  it('name a model and a version', () => {
    const bytes = encode('inference.ModelMetadataRequest', { name: 'm', version: '3' });
    assert.deepEqual(readModelQuestion(bytes, 'ModelMetadataRequest'), { name: 'm', version: '3' });
    assert.throws(
      () => readModelQuestion(Buffer.of(10, 9), 'ModelMetadataRequest'),
      /^ServingError: ModelMetadataRequest/,
    );
  });

  it('ask for the index', () => {
    const bytes = encode('inference.RepositoryIndexRequest', { repositoryName: 'r', ready: true });
    assert.deepEqual(readIndexRequest(bytes), { repository: 'r', isReadyOnly: true });
    assert.deepEqual(readIndexRequest(new Uint8Array(0)), { repository: '', isReadyOnly: false });
  });

  it('name the first setting that is to change', () => {
    const settings = { trace_level: { value: ['OFF'] } };
    const bytes = encode('inference.TraceSettingRequest', { settings, modelName: 'm' });
    assert.deepEqual(readSettingNames(bytes, 'TraceSettingRequest'), ['trace_level']);
    assert.deepEqual(readSettingNames(new Uint8Array(0), 'LogSettingsRequest'), []);
  });

  it('tell each log setting in the field of its kind, defaults too', () => {
    const settings = new Map<string, boolean | number | string>([
      ['a', false],
      ['b', true],
      ['c', 0],
      ['d', 2],
      ['e', ''],
    ]);
    const fields = decode('inference.LogSettingsResponse', logSettingsResponse(settings))['settings'] as Fields;
    const read = Object.entries(fields).map(([name, value]) => [name, (value as Fields)['parameterChoice']]);
    assert.deepEqual(Object.fromEntries(read), {
      a: { case: 'boolParam', value: false },
      b: { case: 'boolParam', value: true },
      c: { case: 'uint32Param', value: 0 },
      d: { case: 'uint32Param', value: 2 },
      e: { case: 'stringParam', value: '' },
    });
  });
});
