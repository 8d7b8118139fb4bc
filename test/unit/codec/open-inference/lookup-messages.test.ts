/** The small messages of the protocol; above all the two that Triton and KServe number differently. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { create, createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import {
  logSettingsResponse,
  readLogSettings,
  readModelQuestion,
  readTraceSettings,
} from '../../../../src/codec/open-inference/lookup-messages.ts';
import {
  readIndexRequest,
  readRepositoryRequest,
  repositoryResponse,
} from '../../../../src/codec/open-inference/repository-messages.ts';
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

  it('change settings of tracing; one without a value is as the server was started', () => {
    const settings = { trace_level: { value: ['OFF'] }, trace_rate: {}, log_frequency: { value: ['1', '2'] } };
    const bytes = encode('inference.TraceSettingRequest', { settings, modelName: 'm' });
    const read = readTraceSettings(bytes);
    assert.equal(read.model, 'm');
    assert.deepEqual(Object.fromEntries(read.settings), {
      ...{ trace_level: ['OFF'], trace_rate: undefined, log_frequency: ['1', '2'] },
    });
    assert.deepEqual(readTraceSettings(new Uint8Array(0)), { model: '', settings: new Map() });
    const many = Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`s${i}`, {}]));
    assert.throws(
      () => readTraceSettings(encode('inference.TraceSettingRequest', { settings: many })),
      /settings has more than 1000 entries/,
    );
  });

  it('change settings of the log, of every kind', () => {
    const settings = {
      log_info: { parameterChoice: { case: 'boolParam', value: false } },
      log_verbose_level: { parameterChoice: { case: 'uint32Param', value: 4_000_000_000 } },
      log_format: { parameterChoice: { case: 'stringParam', value: 'ISO8601' } },
      log_error: {},
    };
    const read = readLogSettings(encode('inference.LogSettingsRequest', { settings }));
    assert.deepEqual(Object.fromEntries(read), {
      ...{ log_info: false, log_verbose_level: 4_000_000_000, log_format: 'ISO8601', log_error: undefined },
    });
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
