/** Triton's flags on our command line. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { optionsOf } from '../../../src/config/options/feature-options.ts';
import { serveOptions } from '../../../src/config/options/serve-options.ts';
import { flagLayer } from '../../../src/config/read-options.ts';
import type { ServeConfig } from '../../../src/config/serve-config.ts';
import { TENSORFLOW_FLAGS } from '../../../src/config/tensorflow-flags.ts';
import { TRITON_FLAGS } from '../../../src/features/triton-repository/config/ignored-flags.ts';
import { TRITON_OPTIONS } from '../../../src/features/triton-repository/options.ts';
import { tritonArguments, tritonDefaults } from '../../../src/features/triton-repository/serve-as.ts';
import { FEATURES } from '../../../src/pillion.ts';
import { ConfigFiles, configOf, errorsOf, readConfig } from '../../support/config-files.ts';
import { hasFeature } from '../../support/has-feature.ts';
import { plusConfig, TritonRepository } from '../../support/triton-repository.ts';

describe('flags of tritonserver', () => {
  it('are taken as they are written, with dashes and with values behind a space', (t) => {
    const { directory } = new TritonRepository(t);
    const config = configOf([
      '--model-repository',
      directory,
      '--model-control-mode=explicit',
      '--strict-readiness',
      'true',
      '--exit-on-error',
      'false',
      '--http-port=8000',
      '--grpc-port=8001',
      '--metrics-port',
      '8002',
    ]);
    const { options } = config;
    const { model_repository, strict_readiness } = optionsOf(config, TRITON_OPTIONS);
    assert.deepEqual(model_repository, [directory]);
    assert.equal(strict_readiness, true);
    assert.equal(options.exit_on_load_failure, false);
    assert.deepEqual([options.rest_api_port, options.port, options.metrics_port], [8000, 8001, 8002]);
  });

  it('and ours of the same meaning exclude each other', () => {
    const base = ['--model_base_path=/models/m'];
    assert.deepEqual(errorsOf([...base, '--http-port=8000', '--rest_api_port=8501']), [
      '--http_port and --rest_api_port are two names of one option; leave one of them out',
    ]);
    assert.deepEqual(errorsOf([...base, '--grpc-port=8000', '--port=1']), [
      '--grpc_port and --port are two names of one option; leave one of them out',
    ]);
    assert.deepEqual(errorsOf([...base, '--exit-on-error', '--exit_on_load_failure=false']), [
      '--exit_on_error and --exit_on_load_failure are two names of one option; leave one of them out',
    ]);
    assert.deepEqual(errorsOf([...base, '--http-port=8501', '--rest_api_port=8501']), []);
    const addresses = ['--http-address=127.0.0.1', '--grpc-address=127.0.0.1'];
    assert.equal(configOf([...base, ...addresses]).options.bind_address, '127.0.0.1');
    assert.deepEqual(errorsOf([...base, '--http-address=127.0.0.1', '--grpc-address=::1']), [
      '--grpc_address and --http_address are two names of one option; leave one of them out',
    ]);
  });

  it('without a meaning give a warning each, and are refused where they promise protection', () => {
    const base = ['--model_base_path=/models/m'];
    const isAllowed = ([, { isRefused }]: [string, { isRefused?: unknown }]): boolean => isRefused !== true;
    const args = Object.entries(TRITON_FLAGS)
      .filter(isAllowed)
      .map(([name, { isBoolean }]) => `--${name.replaceAll('_', '-')}${isBoolean ? '' : '=1'}`);
    assert.equal(configOf([...base, ...args]).warnings.length, args.length);
    for (const name of Object.keys(TRITON_FLAGS)) {
      assert.ok(!(name in serveOptions(FEATURES)) && !(name in TENSORFLOW_FLAGS), `${name} has a meaning`);
    }
    assert.match(
      errorsOf([...base, '--grpc-use-ssl=true']).join(),
      /--grpc_use_ssl is not supported: use --tls_cert_file/,
    );
    assert.match(
      errorsOf([...base, '--allow-http=false']).join(),
      /--allow_http=false is not supported: the REST port/,
    );
    assert.deepEqual(errorsOf([...base, '--allow-http=true']), []);
  });
});

describe('the command line of tritonserver', () => {
  const tritonOf = (args: readonly string[], environment: Record<string, string> = {}) => {
    const { config, errors } = readConfig(tritonArguments(args), environment, tritonDefaults);
    assert.deepEqual(errors, undefined);
    return config!;
  };

  it('has its defaults below all that is given', (t) => {
    const base = [`--model-store=${new TritonRepository(t).directory}`];
    const config = tritonOf(base);
    const { options, origins, warnings } = config;
    const strict = (read: ServeConfig): boolean => optionsOf(read, TRITON_OPTIONS).strict_readiness;
    assert.deepEqual([options.rest_api_port, options.port, options.metrics_port], [8000, 8001, 8002]);
    assert.deepEqual([strict(config), options.exit_on_load_failure], [true, true]);
    assert.equal(origins.get('port')!.kind, 'default');
    assert.deepEqual(warnings, []);
    const given = ['--http-port=8080', '--grpc-port=9000', '--exit-on-error=false', '--strict-readiness=False'];
    const other = tritonOf([...base, ...given, '--rest_api_timeout_in_ms=7'], { PILLION_METRICS_PORT: '9' });
    assert.deepEqual([other.options.rest_api_port, other.options.port, other.options.metrics_port], [8080, 9000, 9]);
    assert.deepEqual([strict(other), other.options.exit_on_load_failure], [false, false]);
    assert.equal(tritonOf([...base, '--port=5']).options.port, 5);
  });

  it('reads words in any case, and names as they are', (t) => {
    const repository = new TritonRepository(t);
    repository.model('TRUE', plusConfig('TRUE'));
    const base = [`--model-repository=${repository.directory}`, '--allow-http=TRUE', '--allow-metrics', 'false'];
    const { options, models, metricsPath } = tritonOf([...base, '--model-control-mode=Explicit', '--load-model=TRUE']);
    assert.deepEqual(
      models.map(({ name }) => name),
      ['TRUE'],
    );
    assert.deepEqual([options.metrics_port, metricsPath], [-1, undefined]);
  });

  it('opens no port of metrics beside an authorization file', () => {
    const layers = [flagLayer(new Map([['authorization_file', ['/etc/authorization.yaml']]]))];
    assert.equal(tritonDefaults(layers)('metrics_port'), undefined);
    assert.equal(tritonDefaults([])('metrics_port')!.texts[0], '8002');
  });
});

describe('--model_repository', () => {
  it('lists the models of all repositories by the names of their directories', (t) => {
    const one = new TritonRepository(t);
    one.model('b', plusConfig('b'));
    one.model('.hidden', plusConfig('hidden'));
    one.model('with space', undefined);
    one.model(' in front', undefined);
    const two = new TritonRepository(t);
    two.model('a', undefined);
    const args = [`--model-repository=${one.directory}`, `--model-repository=${two.directory}`];
    const { models, modelsFrom, oneByOne, warnings } = configOf(args);
    assert.deepEqual(
      models.map(({ name }) => name),
      ['a', 'b', 'with space'],
    );
    assert.equal(modelsFrom, '--model_repository');
    assert.equal(oneByOne!.pollMs, 0);
    assert.deepEqual(warnings, [
      `${one.directory}/ in front is not served: a model's name may hold spaces within, and neither ":" nor other white space`,
    ]);
  });

  it('refuses a name that two repositories have', (t) => {
    const [one, two] = [new TritonRepository(t), new TritonRepository(t)];
    for (const each of [one, two]) each.model('m', plusConfig('m'));
    const { models } = configOf([`--model-repository=${one.directory}`, `--model-repository=${two.directory}`]);
    assert.equal(models.length, 1);
    assert.match(models[0]!.refusal!, /is in two repositories: .+\/m and .+\/m/);
  });

  it('loads by the mode: all, or those that --load_model names', (t) => {
    const repository = new TritonRepository(t);
    for (const name of ['a', 'b', 'c']) repository.model(name, plusConfig(name));
    const namesOf = (...args: readonly string[]): readonly string[] =>
      configOf([`--model_repository=${repository.directory}`, ...args]).models.map(({ name }) => name);
    assert.deepEqual(namesOf(), ['a', 'b', 'c']);
    assert.deepEqual(namesOf('--model_control_mode=poll'), ['a', 'b', 'c']);
    assert.deepEqual(namesOf('--model_control_mode=explicit'), []);
    assert.deepEqual(namesOf('--model_control_mode=explicit', '--load_model=c', '--load_model=a'), ['a', 'c']);
    assert.deepEqual(namesOf('--model_control_mode=explicit', '--load_model=*'), ['a', 'b', 'c']);
  });

  it('and other places that list models exclude each other', (t) => {
    const { directory } = new TritonRepository(t);
    const base = `--model_repository=${directory}`;
    for (const [other, text] of [
      [
        '--model_base_path=/m',
        /--model_base_path and --model_repository exclude each other: list the models in one place/,
      ],
      ['--model=m=/m', /--model and --model_repository exclude each other/],
      ...(hasFeature('reload')
        ? [['--enable_reload_rpc', /a list of models would take the place of the repository/] as const]
        : []),
      ['--file_system_poll_wait_seconds=3', /--model_control_mode and --repository_poll_secs say when it is looked at/],
      ['--load_model=m', /--load_model=m: no model repository has it; there are none/],
      ['--load_model=m', /--load_model has a meaning only with --model_control_mode=explicit/],
    ] as const) {
      assert.match(errorsOf([base, other]).join('\n'), text, other);
    }
    const yaml = new ConfigFiles(t).write('pillion.yaml', 'models: [{name: m, base_path: /m}]');
    assert.match(errorsOf([base, `--config=${yaml}`]).join(), /models are listed here and by --model_repository/);
  });

  it('gives the other flags their meaning', (t) => {
    assert.deepEqual(errorsOf(['--model_base_path=/m', '--model_control_mode=poll', '--strict_readiness']), [
      '--strict_readiness has a meaning only with --model_repository=DIR',
      '--model_control_mode=poll has a meaning only with --model_repository=DIR: ' +
        'of other models --file_system_poll_wait_seconds says when they are looked at',
    ]);
    assert.deepEqual(errorsOf(['--model_base_path=/m', '--model_control_mode=explicit']), []);
    const { directory } = new TritonRepository(t);
    const { warnings } = configOf([`--model_repository=${directory}`, '--repository_poll_secs=3']);
    assert.deepEqual(warnings, ['--repository_poll_secs has no effect: it needs --model_control_mode=poll']);
    assert.match(
      errorsOf([`--model_repository=${directory}/none`]).join(),
      /model repository .+none: there is no such directory/,
    );
    assert.match(
      errorsOf(['--model_repository=s3://bucket/models']).join(),
      /"s3:\/\/bucket\/models" is a URI; only local/,
    );
  });
});
