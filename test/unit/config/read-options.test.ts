import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serveCommand } from '../../../src/cli/commands/serve.ts';
import type { ModelConfig } from '../../../src/config/model-config.ts';
import { parseModelFlag } from '../../../src/config/model-flag.ts';
import { serveOptions } from '../../../src/config/options/serve-options.ts';
import { FEATURES } from '../../../src/pillion.ts';
import { readConfig } from '../../support/config-files.ts';

const DEFAULTS = { executionProvider: 'cpu' };

const BASE = ['--model_base_path=/models/m'];

function optionsOf(args: readonly string[], environment: Record<string, string> = {}) {
  const { config, errors } = readConfig([...BASE, ...args], environment);
  assert.deepEqual(errors, undefined);
  return config!.options;
}

function errorsOf(args: readonly string[], environment: Record<string, string> = {}): readonly string[] {
  return readConfig(args, environment).errors ?? [];
}

describe('options of serve', () => {
  it('reads --x=v, --x v and dashes for underscores', () => {
    assert.equal(optionsOf(['--port=1']).port, 1);
    assert.equal(optionsOf(['--port', '2']).port, 2);
    assert.equal(optionsOf(['--rest-api-port=3']).rest_api_port, 3);
  });

  it('takes the last of a flag given twice', () => {
    assert.equal(optionsOf(['--port=1', '--port=2']).port, 2);
  });

  it('reads a boolean bare and with a value', () => {
    assert.equal(optionsOf(['--enable_batching=false']).enable_batching, false);
    assert.equal(optionsOf(['--enable_serialization_as_tensor_content']).enable_serialization_as_tensor_content, true);
    // The word after a bare boolean is not its value.
    assert.match(errorsOf([...BASE, '--enable_batching', 'false']).join(), /"false" is no option/);
  });

  it('falls back to the environment, then to the default', () => {
    assert.equal(optionsOf([], { PILLION_PORT: '7' }).port, 7);
    assert.equal(optionsOf(['--port=8'], { PILLION_PORT: '7' }).port, 8);
    assert.equal(optionsOf([]).port, 8500);
  });

  it('names the nearest flag for an unknown one', () => {
    assert.deepEqual(errorsOf([...BASE, '--rest_api_prt=1']), [
      'unknown option --rest_api_prt; did you mean --rest_api_port?',
    ]);
    assert.deepEqual(errorsOf([...BASE, '--zzzzzz', 'x']), ['unknown option --zzzzzz; --help lists them']);
  });

  it('reports every mistake at once, with its source', () => {
    const errors = errorsOf([...BASE, '--port=70000', '--log_level=loud'], { PILLION_MAX_BATCH_SIZE: 'many' });
    assert.equal(errors.length, 3);
    assert.match(errors.join('\n'), /--port=70000: wants a whole number from 0 to 65535/);
    assert.match(errors.join('\n'), /PILLION_MAX_BATCH_SIZE=many: wants a whole number/);
  });

  it('wants a value where one is missing', () => {
    assert.deepEqual(errorsOf([...BASE, '--port']), ['--port wants a value: --port=N']);
  });

  it('wants a model', () => {
    assert.match(errorsOf([]).join(), /no model to serve/);
  });

  it('refuses two models of one name and names that no path can hold', () => {
    assert.match(errorsOf(['--model=a=/x', '--model=a=/y']).join(), /given twice/);
    assert.match(errorsOf(['--model_name=a/b', '--model_base_path=/x']).join(), /may not be empty nor hold/);
  });

  it('wants the last allowed batch size to be the largest batch', () => {
    assert.deepEqual(optionsOf(['--allowed_batch_sizes=1,8,64']).allowed_batch_sizes, [1, 8, 64]);
    assert.match(errorsOf([...BASE, '--allowed_batch_sizes=1,8']).join(), /make them equal/);
    assert.match(errorsOf([...BASE, '--allowed_batch_sizes=8,1']).join(), /ascending/);
  });

  it('shows every option with its default in --help', () => {
    const help = serveCommand(FEATURES).help();
    for (const name of Object.keys(serveOptions(FEATURES))) assert.ok(help.includes(`--${name}`), name);
    assert.match(help, /--port=N\n\s+TCP port of gRPC.*\(default 8500\)/s);
  });
});

describe('--model', () => {
  it('reads name, directory and keys', () => {
    assert.deepEqual(
      parseModelFlag(
        'm=/models/m,provider=cuda,devices=0+1,host=thread,slo_ms=12.5,weight=2.5,versions=3+7,label.stable=3',
        DEFAULTS,
      ),
      {
        value: {
          name: 'm',
          basePath: '/models/m',
          versionPolicy: { kind: 'specific', versions: [3n, 7n] },
          versionLabels: new Map([['stable', 3n]]),
          backend: undefined,
          executionProvider: 'cuda',
          devices: [0, 1],
          host: 'thread',
          sloMs: 12.5,
          weight: 2.5,
        },
      },
    );
  });

  it('reads what runs it', () => {
    const of = (keys: string) => {
      const parsed = parseModelFlag(`m=/m,${keys}`, DEFAULTS);
      return 'value' in parsed ? parsed.value.backend : parsed.error;
    };
    assert.equal(of('runtime=auto'), 'auto');
    assert.match(String(of('backend=onnx,runtime=auto')), /another word for backend; leave one of them out/);
  });

  it('takes isolate for another word for the host process', () => {
    const hostOf = (keys: string) => {
      const parsed = parseModelFlag(`m=/x,${keys}`, DEFAULTS);
      return 'value' in parsed ? parsed.value.host : parsed.error;
    };
    assert.deepEqual(['isolate=true', 'isolate=true,host=process', 'isolate=false'].map(hostOf), [
      'process',
      'process',
      undefined,
    ]);
    assert.equal(hostOf('isolate=false,host=thread'), 'thread');
  });

  it('reads with whom it shares a process, which is the host process too', () => {
    const { value } = parseModelFlag('m=/m,process_group=small', DEFAULTS) as { value: ModelConfig };
    assert.deepEqual([value.host, value.processGroup], ['process', 'small']);
  });

  for (const [text, error] of [
    ['m=/x,breaker=5', /breaker=5 wants off/],
    ['m=/x,isolate=yes', /isolate=yes wants true or false/],
    ['m=/x,isolate=true,host=thread', /isolate means host process, but host is thread/],
    ['m=/x,process_group=a,host=inline', /process_group means host process, but host is inline/],
    ['m=/x,process_group=a,isolate=true', /isolate means a process of its own, process_group one that is shared/],
    ['m', /NAME=DIR/],
    ['=x', /NAME=DIR/],
    ['m=/x,versions=none', /latest:N/],
    ['m=/x,colour=red', /unknown key/],
    ['m=/x,host=moon', /host=moon wants one of auto, inline, thread, process/],
    ['m=/x,label.a=b', /unknown key/],
    ['m=/x,slo_ms=0', /slo_ms=0 wants milliseconds above 0/],
    ['m=/x,slo_ms=soon', /slo_ms=soon wants/],
    ['m=/x,weight=0', /weight=0 wants a number from 0.01 to 100/],
    ['m=/x,weight=heavy', /weight=heavy wants/],
  ] as const) {
    it(`refuses ${text}`, () => {
      const parsed = parseModelFlag(text, DEFAULTS);
      assert.ok('error' in parsed);
      assert.match(parsed.error, error);
    });
  }
});
