/** `logging` of a model: in pillion.yaml, in --model, and in TensorFlow Serving's file of models. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { parseTextProtoFile } from '../../../src/config/config-file.ts';
import { modelFields } from '../../../src/config/describe-config.ts';
import { parseModelFlag } from '../../../src/config/model-flag.ts';
import { MODEL_SERVER_CONFIG, type ModelList, modelsOfServerConfig } from '../../../src/config/model-server-config.ts';
import { parsePillionYaml } from '../../../src/config/yaml/pillion-yaml.ts';
import { requestLogs } from '../../../src/features/request-logs/feature.ts';
import { LOGGING } from '../../../src/features/request-logs/keys.ts';
import { ConfigFiles, configOf, modelsText } from '../../support/config-files.ts';
import { jsonSchemas } from '../../support/json-schemas.ts';

const KEYS = { options: {}, modelKeys: [LOGGING] };
const DEFAULTS = { executionProvider: 'cpu', modelKeys: KEYS.modelKeys };

function loggingOf(text: string) {
  const parsed = parseModelFlag(text, DEFAULTS);
  return 'error' in parsed ? parsed.error : LOGGING.of(parsed.value);
}

describe('--model with a request log', () => {
  it('says where, and how much', () => {
    assert.deepEqual(loggingOf('m=/m,log=/var/log/m,log_rate=0.5'), {
      filenamePrefix: '/var/log/m',
      samplingRate: 0.5,
    });
    assert.deepEqual(loggingOf('m=/m,log_rate=1,log=/var/log/m'), { filenamePrefix: '/var/log/m', samplingRate: 1 });
    assert.equal(loggingOf('m=/m'), undefined);
  });

  it('writes one request in a hundred unless told otherwise', () => {
    assert.deepEqual(loggingOf('m=/m,log=l'), { filenamePrefix: 'l', samplingRate: 0.01 });
  });

  it('refuses what is no share, and a share of nowhere', () => {
    for (const rate of ['2', '-0.1', 'NaN', 'half']) {
      assert.match(String(loggingOf(`m=/m,log=l,log_rate=${rate}`)), /wants a number from 0 to 1/);
    }
    assert.match(String(loggingOf('m=/m,log_rate=0.5')), /say where with log=PATH_PREFIX/);
  });
});

describe('the key logging of a model', () => {
  const read = (line: string) => {
    const errors: string[] = [];
    const text = `models:\n  - name: m\n    base_path: /m\n${line}`;
    const [model] = parsePillionYaml('p.yaml', Buffer.from(text), KEYS, errors).models(DEFAULTS);
    return { model, errors: errors.join(), yaml: parse(text) };
  };

  it('says where, and how much, and is shown as it was given', () => {
    const { model, errors } = read('    logging: {filename_prefix: /var/log/m, sampling_rate: 0.5}');
    assert.equal(errors, '');
    assert.deepEqual(LOGGING.of(model!), { filenamePrefix: '/var/log/m', samplingRate: 0.5 });
    assert.deepEqual(modelFields(model!)['logging'], { filename_prefix: '/var/log/m', sampling_rate: 0.5 });
  });

  for (const [line, error] of [
    [
      '    logging: {sampling_rate: 2, filename_prefix: /x}',
      /^p.yaml:4:30: sampling_rate wants a number from 0 to 1, not "2"/,
    ],
    ['    logging: {sampling_rate: .nan, filename_prefix: /x}', /not "NaN"/],
    ['    logging: {sampling_rate: 1}', /^p.yaml:4:14: logging has no filename_prefix$/],
  ] as const) {
    it(`refuses ${JSON.stringify(line)}`, () => assert.match(read(line).errors, error));
  }

  it('is in the schema of pillion.yaml', async () => {
    const isValid = new Ajv({ strict: true, allowUnionTypes: true }).compile(
      (await jsonSchemas())['pillion.schema.json']!,
    );
    assert.ok(isValid(read('    logging: {sampling_rate: 1, filename_prefix: /x}').yaml));
    assert.ok(!isValid(read('    logging: {sampling_rate: 1}').yaml));
  });
});

describe('logging_config of a ModelServerConfig', () => {
  const readModel = (fields: string, defaults: Parameters<typeof modelsOfServerConfig>[2] = DEFAULTS): ModelList => {
    const errors: string[] = [];
    const text = Buffer.from(modelsText({ m: fields }));
    const parsed = parseTextProtoFile(MODEL_SERVER_CONFIG, 'models.config', text, errors);
    assert.deepEqual(errors, []);
    return modelsOfServerConfig(parsed!.message, parsed!.where, defaults);
  };

  it('reads what TensorFlow Serving’s documentation shows', () => {
    const { models, errors } = readModel(`logging_config {
      log_collector_config { filename_prefix: "/var/log/m" }
      sampling_config { sampling_rate: 0.25 }
    }`);
    assert.deepEqual(errors, []);
    assert.deepEqual(LOGGING.of(models[0]!), { filenamePrefix: '/var/log/m', samplingRate: 0.25 });
  });

  for (const [fields, error] of [
    ['logging_config { log_collector_config { type: "kafka" } }', /5:45: .*log collector "kafka" is not known/],
    ['logging_config { sampling_config { sampling_rate: 1.5 } }', /5:40: .*sampling_rate 1.5 is out of range/],
    ['logging_config { sampling_config { sampling_rate: nan } }', /sampling_rate NaN is out of range/],
    ['logging_config { sampling_config { sampling_rate: 1 } }', /filename_prefix is missing/],
    [
      'logging_config { sampling_config { per_task_sampling_configs { dc: "x" } } }',
      /per_task_sampling_configs are not/,
    ],
    ['logging_config { custom_logging_config {} }', /custom_logging_config is not supported/],
  ] as const) {
    it(`refuses ${fields}`, () => assert.match(readModel(fields).errors.join('\n'), error));
  }

  it('logs nothing at a rate of 0, and says what has no effect', () => {
    const { models } = readModel('logging_config { sampling_config { sampling_rate: 0 } }');
    assert.equal(LOGGING.of(models[0]!), undefined);
    const { warnings } = readModel('logging_config { sampling_config { attributes: 3 } }');
    assert.match(warnings.join(), /^models.config:5:40: attributes has no effect/);
  });

  it('is refused where the feature is left out', () => {
    const { errors } = readModel('logging_config {}', { executionProvider: 'cpu', absent: [requestLogs] });
    assert.match(errors.join(), /model "m": logging_config is of the feature request-logs, which is left out/);
  });
});

it('is the same in the examples of both lists in docs/reference/configuration.md', (t) => {
  const page = readFileSync('docs/reference/configuration.md', 'utf8');
  const files = new ConfigFiles(t);
  const [fromYaml, fromText] = (
    [
      ['config', 'yaml pillion.yaml'],
      ['model_config_file', 'textproto models.config'],
    ] as const
  ).map(([flag, name]) => {
    const example = page.split(`\`\`\`${name}\n`)[1]!.split('\n```')[0]!;
    const text = example.replace(/# (?= *(?:logging|log_collector|sampling_config|\}))/g, '');
    return LOGGING.of(configOf([`--${flag}=${files.write(name, text)}`]).models[0]!);
  });
  assert.deepEqual(fromYaml, { filenamePrefix: '/var/log/pillion/digits', samplingRate: 0.01 });
  assert.deepEqual(fromText, fromYaml);
});
