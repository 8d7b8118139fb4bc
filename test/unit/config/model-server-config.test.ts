import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { protoMessage } from '../../../src/codec/protobuf/proto-messages.ts';
import { parseTextProtoFile } from '../../../src/config/config-file.ts';
import { MODEL_SERVER_CONFIG, type ModelList, modelsOfServerConfig } from '../../../src/config/model-server-config.ts';
import { modelsText } from '../../support/config-files.ts';

const DEFAULTS = { executionProvider: 'cpu' };

function read(text: string): ModelList {
  const errors: string[] = [];
  const parsed = parseTextProtoFile(MODEL_SERVER_CONFIG, 'models.config', Buffer.from(text), errors);
  assert.deepEqual(errors, []);
  return modelsOfServerConfig(parsed!.message, parsed!.where, DEFAULTS);
}

const readModel = (fields: string): ModelList => read(modelsText({ m: fields }));

function modelOf(fields: string) {
  const { models, errors } = readModel(fields);
  assert.deepEqual(errors, []);
  return models[0]!;
}

describe('ModelServerConfig', () => {
  it('reads what TensorFlow Serving’s documentation shows', () => {
    const fields = `model_platform: "tensorflow"
      model_version_policy { specific { versions: 42 versions: 43 } }
      version_labels { key: "stable" value: 42 }
      version_labels { key: "canary" value: 43 }`;
    assert.deepEqual(modelOf(fields), {
      name: 'm',
      basePath: '/models/m',
      versionPolicy: { kind: 'specific', versions: [42n, 43n] },
      versionLabels: new Map([
        ['stable', 42n],
        ['canary', 43n],
      ]),
      backend: undefined,
      executionProvider: 'cpu',
      host: undefined,
    });
  });

  it('reads every version policy, and takes the latest one by default', () => {
    const policy = (text: string) => modelOf(text === '' ? '' : `model_version_policy { ${text} }`).versionPolicy;
    assert.deepEqual(policy(''), { kind: 'latest', count: 1 });
    assert.deepEqual(policy('latest {}'), { kind: 'latest', count: 1 });
    assert.deepEqual(policy('latest { num_versions: 3 }'), { kind: 'latest', count: 3 });
    assert.deepEqual(policy('all {}'), { kind: 'all' });
    assert.deepEqual(policy('specific { versions: [7, 7] }'), { kind: 'specific', versions: [7n] });
  });

  it('takes specific without versions, as TensorFlow Serving does, and warns that nothing is served', () => {
    const { models, errors, warnings } = readModel('model_version_policy { specific {} }');
    assert.deepEqual([models[0]!.versionPolicy, errors], [{ kind: 'specific', versions: [] }, []]);
    assert.match(warnings.join(), /5:28: model "m": specific names no version, so none is served; add versions: N$/);
  });

  it('lets the files found decide over "tensorflow" and over no platform, and names any other runtime', () => {
    assert.equal(modelOf('model_platform: "tensorflow"').backend, undefined);
    assert.equal(modelOf('model_type: TENSORFLOW').backend, undefined);
    assert.equal(modelOf('model_platform: "onnx"').backend, 'onnx');
  });

  for (const [fields, error] of [
    ['model_type: OTHER', /^models.config:5:5: model "m": only the model_type TENSORFLOW/],
    ['model_type: TENSORFLOW model_platform: "onnx"', /exclude each other/],
    ['model_version_policy { specific { versions: -1 } }', /version -1 is negative/],
    ['version_labels { key: "" value: 1 }', /label may not be empty/],
    ['version_labels { key: "a" value: -1 }', /negative version -1/],
  ] as const) {
    it(`refuses ${fields}`, () => assert.match(readModel(fields).errors.join('\n'), error));
  }

  it('wants absolute paths on this machine, other names, and tells every mistake', () => {
    const { errors } = read(`model_config_list {
      config { name: "a" base_path: "models/a" }
      config { name: "b" base_path: "gs://bucket/b" }
      config { name: "c/d" base_path: "/c" }
      config { name: "a" base_path: "/a" }
      config { base_path: "/e" }
    }`);
    assert.equal(errors.length, 5, errors.join('\n'));
    assert.match(errors[0]!, /^models.config:2:26: model "a": base_path wants an absolute path .*not "models\/a"/);
    assert.match(errors[1]!, /^models.config:3:26: .*is a URI; only local directories/);
    assert.match(errors[2]!, /^models.config:4:16: model name "c\/d" may not/);
    assert.match(errors[3]!, /^models.config:5:16: model "a" is given twice/);
    assert.match(errors[4]!, /^models.config:6:14: model name "" may not be empty/);
  });

  it('takes an empty list, and no text without a list: a file that was cut off is one', () => {
    assert.deepEqual(read('model_config_list {}').models, []);
    assert.match(read('').errors.join(), /^models.config: there is no model_config_list; to serve no model write/);
    assert.match(read('custom_model_config {}').errors.join(), /custom_model_config is not supported/);
  });

  it('means the same as a message off the wire', () => {
    const type = protoMessage(MODEL_SERVER_CONFIG);
    const wire = toBinary(
      type,
      create(type, {
        config: {
          case: 'modelConfigList',
          value: { config: [{ name: 'm', basePath: '/models/m', versionLabels: { a: 1n } }] },
        },
      } as never),
    );
    const where = (path: string): string => path || 'config';
    const { models } = modelsOfServerConfig(fromBinary(type, wire), where, DEFAULTS);
    assert.deepEqual(models, readModel('version_labels { key: "a" value: 1 }').models);
  });
});
