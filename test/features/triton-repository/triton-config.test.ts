/** The configuration of a served model as Triton's JSON. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import type { Signatures } from '../../../src/core/signature.ts';
import { GIVEN_CONFIG } from '../../../src/features/open-inference/exported/model-config.ts';
import { tritonConfigJson, tritonConfigOf } from '../../../src/features/open-inference/triton-config.ts';
import { modelOfEntry } from '../../../src/features/triton-repository/config/model-of-config.ts';
import { TRITON } from '../../../src/features/triton-repository/config/triton-model.ts';
import { LoadFindings } from '../../../src/models/serving/load-findings.ts';
import { signature, spec } from '../../support/puppet-models.ts';

const GRAPH: Signatures = new Map([
  ['serving_default', signature({ x: spec('float32', [-1, 4]) }, { y: spec('int64', [-1]) })],
]);

function jsonOf(servable: Parameters<typeof tritonConfigOf>[0]): Readonly<Record<string, unknown>> {
  return JSON.parse(tritonConfigJson(tritonConfigOf(servable)));
}

/** A version of this runtime, with this largest batch as configured. */
function findingsOf(kind: string, configuredRows: number): LoadFindings {
  return Object.assign(new LoadFindings(), { runtime: { kind, choice: undefined }, configuredRows });
}

function configOf(text: string | undefined, signatures = GRAPH) {
  const file = text === undefined ? { error: 'missing', isMissing: true } : { bytes: Buffer.from(text) };
  const { model } = modelOfEntry({ name: 'm', directory: '/r/m', file }, { executionProvider: 'cpu' });
  assert.equal(model.refusal, undefined);
  const findings = findingsOf('onnx', 4);
  findings.facts.set(GIVEN_CONFIG, { config: TRITON.of(model)!.config, labels: new Map() });
  return jsonOf({ name: 'm', signatures, findings });
}

describe('tritonConfigOf', () => {
  it('gives the file of a model with Triton’s names, numbers and enums', () => {
    const json = configOf(`
      backend: "onnxruntime"
      max_batch_size: 8
      input { name: "x" data_type: TYPE_FP32 format: FORMAT_NHWC dims: [ 4 ] reshape { shape: [ 4, 1 ] } }
      output { name: "y" data_type: TYPE_INT64 dims: [ 1 ] label_filename: "labels.txt" }
      version_policy { specific { versions: [ 1, 3 ] } }
      instance_group { count: 2 kind: KIND_CPU }
      dynamic_batching { preferred_batch_size: 4 max_queue_delay_microseconds: 100 }
      parameters { key: "a" value { string_value: "b" } }
      model_warmup { name: "w" batch_size: 1 inputs { key: "x" value { data_type: TYPE_FP32 dims: 4 zero_data: true } } }`);
    assert.equal(json['name'], 'm');
    assert.equal(json['platform'], 'onnxruntime_onnx');
    assert.equal(json['backend'], 'onnxruntime');
    assert.equal(json['max_batch_size'], 8);
    assert.equal(json['default_model_filename'], 'model.onnx');
    assert.deepEqual(json['version_policy'], { specific: { versions: [1, 3] } });
    assert.deepEqual(json['input'], [
      {
        name: 'x',
        data_type: 'TYPE_FP32',
        format: 'FORMAT_NHWC',
        dims: [4],
        reshape: { shape: [4, 1] },
        is_shape_tensor: false,
        allow_ragged_batch: false,
        optional: false,
        is_non_linear_format_io: false,
      },
    ]);
    assert.deepEqual(json['output'], [
      {
        name: 'y',
        data_type: 'TYPE_INT64',
        dims: [1],
        label_filename: 'labels.txt',
        is_shape_tensor: false,
        is_non_linear_format_io: false,
      },
    ]);
    const [group] = json['instance_group'] as unknown as readonly { readonly kind: string; readonly count: number }[];
    assert.deepEqual([group!.kind, group!.count], ['KIND_CPU', 2]);
    const batching = json['dynamic_batching'] as Readonly<Record<string, unknown>>;
    assert.deepEqual(batching['preferred_batch_size'], [4]);
    assert.equal(batching['max_queue_delay_microseconds'], 100);
    assert.deepEqual(json['parameters'], { a: { string_value: 'b' } });
    const [warmup] = json['model_warmup'] as unknown as readonly { readonly inputs: unknown }[];
    assert.deepEqual(warmup!.inputs, { x: { data_type: 'TYPE_FP32', dims: [4], zero_data: true } });
    assert.deepEqual(json['metric_tags'], {});
  });

  it('completes a model without a file from its signature', () => {
    const json = configOf(undefined);
    assert.equal(json['max_batch_size'], 4);
    assert.ok(json['dynamic_batching'] !== undefined);
    assert.deepEqual(json['version_policy'], { latest: { num_versions: 1 } });
    const shapes = (side: string) =>
      (json[side] as unknown as readonly { name: string; data_type: string; dims: unknown; reshape?: unknown }[]).map(
        ({ name, data_type: type, dims, reshape }) => [name, type, dims, reshape],
      );
    assert.deepEqual(shapes('input'), [['x', 'TYPE_FP32', [4], undefined]]);
    assert.deepEqual(shapes('output'), [['y', 'TYPE_INT64', [1], undefined]]);
  });

  it('gives a model of another source its own shapes where there is no batch', () => {
    const own = signature({ x: spec('bfloat16', [2, -1]) }, { y: spec('string', []) }, { kind: 'none' });
    const signatures = new Map([['serving_default', own]]);
    const json = jsonOf({ name: 'm', signatures, findings: findingsOf('trees', 64) });
    assert.deepEqual([json['platform'], json['backend'], json['max_batch_size']], ['', 'trees', 0]);
    const [x] = json['input'] as unknown as readonly { readonly dims: unknown; readonly data_type: string }[];
    assert.deepEqual([x!.data_type, x!.dims], ['TYPE_BF16', [2, -1]]);
  });
});
