import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { missingLocaleText, ortText, runError } from '../../../../src/backends/onnx/ort-errors.ts';
import { ServingError } from '../../../../src/core/errors.ts';

describe('ortText', () => {
  it('leaves out source locations and C++ signatures', () => {
    const text =
      'Load model from /m/1/model.onnx failed:/onnxruntime_src/onnxruntime/core/graph/model.cc:187 ' +
      'onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::PathString&, const ' +
      'onnxruntime::IOnnxRuntimeOpSchemaRegistryList*, const onnxruntime::logging::Logger&, const ' +
      'onnxruntime::ModelOptions&) ModelProto does not have a graph.\n';
    assert.equal(ortText(new Error(text)), 'ModelProto does not have a graph.');
  });

  it('keeps which node failed and why', () => {
    const text =
      "Non-zero status code returned while running Gather node. Name:'embed' Status Message: indices element out of " +
      'data bounds, idx=9 must be within the inclusive range [-3,2]';
    assert.equal(
      ortText(new Error(text)),
      'Gather node "embed": indices element out of data bounds, idx=9 must be within the inclusive range [-3,2]',
    );
  });

  it('names a locale that is not installed, and both ways out', () => {
    const text = ortText(
      new Error(
        'Exception during initialization: /onnxruntime_src/onnxruntime/core/providers/cpu/text/string_normalizer.cc:235 ' +
          'onnxruntime::StringNormalizer::Locale::Locale(const std::string&)::<lambda()> Failed to construct locale with ' +
          'name:en_US.UTF-8:locale::facet::_S_create_c_locale name not valid:Please, install necessary language-pack-XX ' +
          'and configure locales',
      ),
    );
    const told = missingLocaleText(text) ?? '';
    for (const part of ['en_US.UTF-8', 'locales-all', '{"locale": "C.UTF-8"}']) assert.ok(told.includes(part), told);
    assert.equal(missingLocaleText('ModelProto does not have a graph.'), undefined);
  });

  it('names the system’s errors, of which ORT has the number alone', () => {
    const failed = (number: number) =>
      ortText(new Error(`Load model from /m/1/model.onnx failed:system error number ${number}`));
    assert.equal(failed(24), 'EMFILE: too many open files; raise the limit of open files (ulimit -n)');
    assert.equal(failed(13), 'EACCES: permission denied');
    assert.equal(failed(9999), 'system error number 9999');
  });

  it('keeps what CUDA says of a failed call, without the host’s name', () => {
    const text =
      '/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:154 std::conditional_t<THRW, void, ' +
      'onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, const char*, SUCCTYPE, const char*, ' +
      'const char*, int) [with ERRTYPE = cudaError; bool THRW = true; SUCCTYPE = cudaError; ' +
      'std::conditional_t<THRW, void, common::Status> = void] CUDA failure 100: no CUDA-capable device is detected ; ' +
      'GPU=-1 ; hostname=vm ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; ' +
      'line=352 ; expr=cudaSetDevice(info_.device_id); \n\n';
    assert.equal(ortText(new Error(text)), 'CUDA failure 100: no CUDA-capable device is detected');
  });

  it('bounds the length', () => {
    assert.equal(ortText(new Error('x.cc:1 f( '.repeat(1_000_000))).length, 501);
  });
});

describe('runError', () => {
  it('blames the input for dims, rank and dtype', () => {
    for (const text of [
      'Got invalid dimensions for input: x for the following indices\n index: 1 Got: 3 Expected: 4\n Please fix either the inputs/outputs or the model.',
      'Invalid rank for input: x Got: 1 Expected: 2 Please fix either the inputs/outputs or the model.',
      'Unexpected input data type. Actual: (tensor(double)) , expected: (tensor(float))',
    ]) {
      const error = runError(new Error(text));
      assert.equal(error.kind, 'invalid_request');
      assert.doesNotMatch(error.message, /Please fix|\n/);
    }
  });

  it('blames the backend for the rest, keeps the cause, and passes our own errors on', () => {
    const cause = new Error('out of memory');
    const error = runError(cause);
    assert.equal(error.kind, 'backend_failed');
    assert.match(error.message, /out of memory/);
    assert.equal(error.cause, cause);
    const own = new ServingError('invalid_request', 'not text');
    assert.equal(runError(own), own);
  });
});
