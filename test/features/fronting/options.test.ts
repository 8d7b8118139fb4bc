/** `--app` and what belongs to it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optionsOf } from '../../../src/config/options/feature-options.ts';
import type { ServeConfig } from '../../../src/config/serve-config.ts';
import { parseAppAddress, parseAppUrl, splitAddresses } from '../../../src/proxy/fronting/app/app-address.ts';
import { APP_OPTIONS } from '../../../src/proxy/fronting/options.ts';
import { readConfig } from '../../support/config-files.ts';

const appOptions = (config: ServeConfig) => optionsOf(config, APP_OPTIONS);
const MODEL = '--model_base_path=/models/m';

test('an address is a host and a port, or a socket file', () => {
  const places = ['http://127.0.0.1:8080', 'http://[::1]:81/', 'http://app', 'unix:/run/a.sock', 'unix:///run/a.sock'];
  const overHttp2 = ['h2c://127.0.0.1:8080', 'grpc://[::1]:81/', 'h2c+unix:/run/a.sock', 'grpc+unix:///run/a.sock'];
  const read = [...places, ...overHttp2].map((app) => {
    const { config, errors } = readConfig([MODEL, `--app=${app}`]);
    assert.deepEqual(errors, undefined);
    const { text, ...address } = parseAppAddress(appOptions(config!).app);
    assert.equal(text, app);
    return address;
  });
  assert.deepEqual(read, [
    { authority: '127.0.0.1:8080', host: '127.0.0.1', port: 8080 },
    { authority: '[::1]:81', host: '::1', port: 81 },
    { authority: 'app', host: 'app', port: 80 },
    { authority: 'localhost', socketPath: '/run/a.sock' },
    { authority: 'localhost', socketPath: '/run/a.sock' },
    { isHttp2: true, authority: '127.0.0.1:8080', host: '127.0.0.1', port: 8080 },
    { isHttp2: true, authority: '[::1]:81', host: '::1', port: 81 },
    { isHttp2: true, authority: 'localhost', socketPath: '/run/a.sock' },
    { isHttp2: true, authority: 'localhost', socketPath: '/run/a.sock' },
  ]);
});

test('what is no address is refused, and so is this server itself', () => {
  const wrong = [
    ...['127.0.0.1:8080', 'https://a', 'http://a/path', 'http://u@a', 'http://a:99999', 'http://a:0', 'unix:run/a'],
    ...['http://localhost:8501', 'http://127.0.0.1:8500', 'http://a b', 'http://'],
    ...['h2c://localhost:8501', 'grpc://127.0.0.1:8500', 'h2c:/run/a', 'h2c+unix:a', 'h2://a', 'unix+h2c:/a'],
  ];
  for (const app of wrong) {
    const { errors } = readConfig([MODEL, `--app=${app}`]);
    assert.equal(errors?.length, 1, app);
    assert.match(errors[0]!, /--app=/);
  }
});

test('its options without it have no effect, and that is said', () => {
  const { config } = readConfig([MODEL, '--app_health_path=/healthz']);
  assert.match(config!.warnings.join(), /--app_health_path has no effect: there is no application without --app/);
});

test('the URL of a metrics page is an address and a path', () => {
  const urls = [
    'http://127.0.0.1:8080/metrics?a=b',
    'http://[::1]:81',
    'http://app/',
    'unix:/run/a.sock:/m',
    'unix:///a.sock:/',
  ];
  const read = urls.map((url) => {
    const { config, errors } = readConfig([MODEL, `--app_metrics_url=${url}`]);
    assert.deepEqual([errors, config?.warnings], [undefined, []], url);
    const { address, path } = parseAppUrl(appOptions(config!).app_metrics_url);
    return [address.socketPath ?? `${address.host}:${address.port}`, path];
  });
  assert.deepEqual(read, [
    ['127.0.0.1:8080', '/metrics?a=b'],
    ['::1:81', '/'],
    ['app:80', '/'],
    ['/run/a.sock', '/m'],
    ['/a.sock', '/'],
  ]);
  for (const url of [
    ...[
      '127.0.0.1/metrics',
      'https://a/m',
      'http://a:0/m',
      'http://a:99999/m',
      'http://u@a/m',
      'unix:/run/a.sock',
      'unix:a:/m',
    ],
    ...['http://localhost:8501/monitoring/prometheus/metrics', 'http://a/ b', 'http://127.0.0.1:8002/metrics'],
  ]) {
    const { errors } = readConfig([MODEL, `--app_metrics_url=${url}`, '--metrics_port=8002']);
    assert.equal(errors?.length, 1, url);
    assert.match(errors[0]!, /--app_metrics_url=/);
  }
});

test('a prefix of the paths of inference is a path without an end', () => {
  for (const prefix of ['/pillion', '/a/b.c/~d_e-f']) {
    const { config, errors } = readConfig([MODEL, `--inference_path_prefix=${prefix}`]);
    assert.deepEqual([errors, config?.options.inference_path_prefix], [undefined, prefix]);
  }
  for (const prefix of [
    'pillion',
    '/',
    '/a/',
    '//a',
    '/a//b',
    '/..',
    '/a/.b',
    '/a b',
    '/a?b',
    '/a%20',
    '/é',
    'http://a/b',
  ]) {
    const { errors } = readConfig([MODEL, `--inference_path_prefix=${prefix}`]);
    assert.equal(errors?.length, 1, prefix);
    assert.match(errors[0]!, /--inference_path_prefix=.* a path without a \/ at its end/);
  }
});

test('its health is asked for in one way', () => {
  const app = [MODEL, '--app=http://a'];
  for (const service of ['*', 'shop.Orders', 'Orders']) {
    const { config } = readConfig([...app, `--app_health_service=${service}`]);
    assert.equal(appOptions(config!).app_health_service, service);
  }
  assert.match(
    readConfig([...app, '--app_health_service=a b']).errors!.join(),
    /--app_health_service.*wants the name of a service, such as shop\.Orders, or \* for the whole server/,
  );
  const { errors } = readConfig([...app, '--app_health_service=*', '--app_health_path=/healthz']);
  assert.match(errors!.join(), /asks over HTTP, --app_health_service over gRPC/);
});

test('there is one of a kind: a second is refused, where other options take the last', () => {
  const { errors } = readConfig([MODEL, '--app=http://a:1', '--app=http://b:1', '--port=1', '--port=2']);
  const named = '--app names 2 applications of HTTP, http://a:1 and http://b:1; there can be one of each kind';
  assert.deepEqual(errors, [`${named}, so give grpc://HOST:PORT or grpc+unix:PATH for one of gRPC`]);
  for (const [apps, kind] of [
    [['http://a:1', 'h2c://b:1'], 'HTTP'],
    [['h2c+unix:/a.sock', 'unix:/b.sock', 'grpc://c'], 'HTTP'],
    [['grpc://a:1', 'grpc+unix:/b.sock'], 'gRPC'],
  ] as const) {
    const texts = readConfig([MODEL, ...apps.map((each) => `--app=${each}`)]).errors!;
    assert.equal(texts.length, 1, texts.join());
    assert.ok(texts[0]!.includes(`2 applications of ${kind}`), texts[0]);
  }
  const { config } = readConfig([MODEL, '--app=http://b:1'], { PILLION_APP: 'http://a:1' });
  assert.equal(appOptions(config!).app, 'http://b:1');
});

test('one of HTTP and one of gRPC are two options, or one text with a comma', () => {
  const pair = ['unix:/run/a,b.sock', 'grpc://b:1'];
  for (const read of [
    readConfig([MODEL, ...pair.map((each) => `--app=${each}`)]),
    readConfig([MODEL], { PILLION_APP: pair.join(',') }),
  ]) {
    assert.deepEqual(read.errors, undefined);
    assert.deepEqual(splitAddresses(appOptions(read.config!).app), pair);
  }
  const health = ['--app_health_path=/healthz', '--app_health_service=*'];
  assert.equal(readConfig([MODEL, '--app=http://a', '--app=grpc://b', ...health]).errors, undefined);
  const own = readConfig([MODEL, '--app=http://a', '--app=grpc://127.0.0.1:8500']).errors!;
  assert.match(own.join(), /^--app=grpc:\/\/127\.0\.0\.1:8500 is this server itself/);
  const pages = ['http://a/metrics', 'http://b/metrics', 'http://c/metrics'].map((url) => `--app_metrics_url=${url}`);
  assert.equal(readConfig([MODEL, ...pages.slice(0, 2)]).errors, undefined);
  assert.match(readConfig([MODEL, ...pages]).errors!.join(), /has 3 pages; there can be two/);
});
