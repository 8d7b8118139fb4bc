import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { parse } from 'yaml';
import { declarationOf } from '../../../../src/config/batch-declaration.ts';
import { serveKeys } from '../../../../src/config/options/serve-options.ts';
import { parsePillionYaml } from '../../../../src/config/yaml/pillion-yaml.ts';
import { FEATURES } from '../../../../src/pillion.ts';
import { jsonSchemas } from '../../../support/json-schemas.ts';

const DEFAULTS = { executionProvider: 'cpu' };

function read(text: string | Uint8Array) {
  const errors: string[] = [];
  const yaml = parsePillionYaml('p.yaml', Buffer.from(text as string), serveKeys(FEATURES), errors);
  const models = yaml.models(DEFAULTS);
  return { ...yaml, models, errors };
}

const readModel = (lines: string) => read(`models:\n  - name: m\n    base_path: /m\n${lines}`);
const PILLION_SCHEMA = (await jsonSchemas())['pillion.schema.json']!;
const isValid = new Ajv({ strict: true, allowUnionTypes: true }).compile(PILLION_SCHEMA);

const FULL = `    versions: latest:2
    labels: {stable: 3, canary: 9007199254740993}
    backend: onnx
    parameters: {mode: fast, beams: 3, share: 0.5, exact: true}
    provider: cuda
    devices: [0, 1]
    host: thread
    slo_ms: 50
    weight: 0.5
    batching:
      max_batch_size: 8
      allowed_batch_sizes: [1, 8]
      batch_timeout_micros: 0
      max_enqueued_batches: 2
      num_batch_threads: 3
      pad_variable_length_inputs: true
    breaker: {failures: 3, reset_ms: 500}
`;

describe('pillion.yaml', () => {
  it('reads every setting of a model', () => {
    const { models, errors } = readModel(FULL);
    assert.deepEqual(errors, []);
    assert.deepEqual(models, [
      {
        name: 'm',
        basePath: '/m',
        versionPolicy: { kind: 'latest', count: 2 },
        versionLabels: new Map([
          ['stable', 3n],
          ['canary', 9007199254740993n],
        ]),
        backend: 'onnx',
        parameters: new Map<string, unknown>([
          ['mode', 'fast'],
          ['beams', 3],
          ['share', 0.5],
          ['exact', true],
        ]),
        executionProvider: 'cuda',
        devices: [0, 1],
        host: 'thread',
        sloMs: 50,
        weight: 0.5,
        batching: {
          maxBatchSize: 8,
          allowedBatchSizes: [1, 8],
          batchTimeoutMicros: 0,
          maxEnqueuedBatches: 2,
          numBatchThreads: 3,
          padVariableLengthInputs: true,
        },
        breaker: { failures: 3, windowMs: 10_000, resetMs: 500 },
      },
    ]);
  });

  it('takes runtime for another word for backend', () => {
    const of = (text: string) => readModel(text).models[0]!;
    assert.equal(of('    runtime: auto').backend, 'auto');
    const errorsOf = (text: string) => readModel(text).errors.join();
    assert.match(errorsOf('    runtime: auto\n    backend: onnx'), /p.yaml:2:5: runtime is another word for backend/);
  });

  it('knows a circuit breaker that is off', () => {
    assert.equal(readModel('    breaker: off').models[0]!.breaker, 'off');
    assert.match(readModel('    breaker: on').errors.join(), /breaker wants one of off, not "on"/);
    assert.match(readModel('    breaker: {failures: 0}').errors.join(), /failures wants a whole number from 1/);
  });

  it('takes isolate for another word for the host process', () => {
    assert.equal(readModel('    isolate: true').models[0]!.host, 'process');
    assert.equal(readModel('    isolate: false').models[0]!.host, undefined);
  });

  it('reads with whom a model shares a process', () => {
    const [model] = readModel('    process_group: small').models;
    assert.deepEqual([model!.host, model!.processGroup], ['process', 'small']);
  });

  it('reads versions in every form', () => {
    const policy = (text: string) => readModel(`    versions: ${text}`).models[0]!.versionPolicy;
    assert.deepEqual(policy('all'), { kind: 'all' });
    assert.deepEqual(policy('latest'), { kind: 'latest', count: 1 });
    assert.deepEqual(policy('3'), { kind: 'specific', versions: [3n] });
    assert.deepEqual(policy('[3, 7]'), { kind: 'specific', versions: [3n, 7n] });
  });

  it('lets settings be shared by anchors', () => {
    const text =
      'models:\n  - {name: a, base_path: /a, batching: &b {max_batch_size: 4}}\n  - {name: c, base_path: /c, batching: *b}';
    assert.deepEqual(
      read(text).models.map(({ batching }) => batching?.maxBatchSize),
      [4, 4],
    );
  });

  for (const [lines, error] of [
    ['    verisons: all', 'p.yaml:4:5: a model has no "verisons"; did you mean "versions"?'],
    ['    versions: newest', 'p.yaml:4:15: versions wants latest:N, all, or numbers such as [3, 7], not "newest"'],
    ['    versions: []', 'p.yaml:4:15: versions names no version'],
    ['    versions: [-1]', /^p.yaml:4:16: a version wants a whole number from 0 to \d+, not "-1"$/],
    ['    labels: [a]', 'p.yaml:4:13: labels wants "key: value" lines, not a list'],
    ['    labels: {a: b}', /^p.yaml:4:17: label "a" wants a whole number/],
    ['    parameters: {a: [1]}', /^p.yaml:4:21: a wants a text, a number, or true or false/],
    ['    parameters: fast', /^p.yaml:4:17: parameters wants "key: value" lines, not "fast"/],
    ['    provider: tpu', 'p.yaml:4:15: provider wants one of cpu, cuda, not "tpu"'],
    ['    devices: -1', 'p.yaml:4:14: devices wants a number from 0 to 127, or a list of them, not "-1"'],
    ['    devices: []', 'p.yaml:4:14: devices names no device'],
    [
      '    provider: cpu\n    devices: 1',
      'p.yaml:5:5: devices are those of provider cuda, but provider is cpu; leave one of them out',
    ],
    ['    gpu_mem_limit: 1', /^p.yaml:4:5: a model has no "gpu_mem_limit"/],
    ['    isolate: "yes"', 'p.yaml:4:14: isolate wants true or false, not "yes"'],
    [
      '    isolate: true\n    host: inline',
      'p.yaml:2:5: isolate means host process, but host is inline; leave one of them out',
    ],
    ['    process_group: ""', 'p.yaml:2:5: process_group may not be empty'],
    [
      '    process_group: small\n    isolate: true',
      'p.yaml:2:5: isolate means a process of its own, process_group one that is shared; leave one of them out',
    ],
    ['    host:', 'p.yaml:4:5: host has no value'],
    ['    batching: {max_batch_size: 1.5}', /^p.yaml:4:32: max_batch_size wants a whole number from 1/],
    ['    batching: {max_batch: 1}', /did you mean "max_batch_size"/],
    ['    batching: on', /^p.yaml:4:15: batching wants one of off, not "on"/],
    ['    batching: {enabled: 1}', /^p.yaml:4:25: enabled wants true or false/],
    ['    batching: {inputs: {x: {axis: 1}}}', /^p.yaml:4:29: input "x" has no "axis"; there are batch_axis, batch/],
    ['    batching: {inputs: {x: {batch: other}}}', /^p.yaml:4:36: batch wants one of same, not "other"/],
    [
      '    batching: {inputs: {x: {batch_axis: 1, batch: same}}}',
      /^p.yaml:4:28: batch: same means .* leave one of them/,
    ],
    ['    batching: {outputs: {y: {batch_axis: 1, batch: same}}}', /^p.yaml:4:52: batch wants no value for an output/],
    ['    batching: {outputs: {y: {}}}', /^p.yaml:4:29: output "y" has no batch_axis/],
    ['    batching: {max_batch_size: 8, allowed_batch_sizes: [4]}', /is 4, but max_batch_size is 8/],
    ['    batching: {allowed_batch_sizes: [4, 4]}', /must ascend/],
    ['    name: n', /^p.yaml:4:5: Map keys must be unique/],
    ['  - name: m\n    base_path: /n', 'p.yaml:4:5: model "m" is given twice; names must differ'],
    ['  - {name: a/b}', 'p.yaml:4:5: the model has no base_path'],
    ['  - 5', 'p.yaml:4:5: a model wants "key: value" lines, not "5"'],
    ['\t- x', /^p.yaml:\d+:\d+: /],
  ] as const) {
    it(`refuses ${JSON.stringify(lines)}`, () => {
      const [first] = readModel(lines).errors;
      if (typeof error === 'string') assert.equal(first, error);
      else assert.match(first ?? '', error);
    });
  }

  it('answers what is no YAML, no text or far too deep with a place', () => {
    for (const text of ['a: [', 'a: b: c', '"', Buffer.of(0xff, 0xfe), '['.repeat(50_000), '*x', '%YAML 9\n---\n5']) {
      assert.match(read(text).errors[0] ?? '', /^p.yaml(:\d+:\d+)?: /, String(text).slice(0, 20));
    }
    assert.deepEqual(read('').errors, []);
  });

  it('answers any bytes', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void read(bytes)));
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'{}[],:&*a-\n "#|>!%') }),
        (text) => void read(`models:\n - ${text}`),
      ),
    );
  });
});

describe('batching of a model', () => {
  const read = (text: string) => {
    const { models, errors } = readModel(`    batching: ${text}`);
    assert.deepEqual(errors, []);
    const { batching, declaredBatching } = models[0]!;
    return { batching, declared: declaredBatching, declaration: declarationOf(declaredBatching) };
  };

  it('is off, as a word, a boolean or a key', () => {
    assert.deepEqual(read('off'), { batching: undefined, declared: 'off', declaration: 'off' });
    assert.equal(read('false').declared, 'off');
    assert.deepEqual(read('{enabled: false}').declaration, 'off');
    assert.deepEqual(read('{enabled: false, max_batch_size: 3, inputs: {x: {batch_axis: 1}}}').declaration, 'off');
  });

  it('has axes beside its other keys', () => {
    const { batching, declared, declaration } = read(
      '{max_batch_size: 3, inputs: {state: {batch_axis: 1}, sr: {batch: same}}, outputs: {stateN: {batch_axis: 1}}}',
    );
    assert.deepEqual(batching, { maxBatchSize: 3 });
    const inputs = new Map<string, number | 'same'>([
      ['state', 1],
      ['sr', 'same'],
    ]);
    const outputs = new Map([['stateN', 1]]);
    assert.deepEqual(declared, { enabled: undefined, inputs, outputs });
    assert.equal(declaration, 'axes');
  });

  it('declares nothing by other keys', () => {
    assert.deepEqual(read('{max_batch_size: 3}'), {
      batching: { maxBatchSize: 3 },
      declared: undefined,
      declaration: undefined,
    });
    assert.deepEqual(read('{}').batching, {});
    assert.equal(read('{enabled: true}').declaration, undefined);
  });
});

describe('docs/pillion.schema.json', () => {
  it('is what the options say', () => {
    const checkedIn = JSON.parse(readFileSync('docs/pillion.schema.json', 'utf8')) as unknown;
    assert.deepEqual(checkedIn, PILLION_SCHEMA);
  });

  it('takes what the server takes', () => {
    for (const text of [
      `models:\n  - name: m\n    base_path: /m\n${FULL}port: 1\nallowed_batch_sizes: [1, 64]`,
      'models: []',
      'enable_batching: false',
    ]) {
      assert.deepEqual(read(text).errors, []);
      assert.ok(isValid(parse(text)), JSON.stringify(isValid.errors));
    }
  });

  it('refuses what the server refuses', () => {
    const model = (lines: string): string => `models: [{name: m, base_path: /m, ${lines}}]`;
    for (const text of [
      'prot: 1',
      'model: [a=/a]',
      model('host: moon'),
      model('versions: newest'),
      model('versions: [-1]'),
      model('batching: {max_batch_size: 0}'),
      'models: [{name: m}]',
    ]) {
      assert.notDeepEqual(read(text).errors, [], text);
      assert.ok(!isValid(parse(text)), text);
    }
  });
});
