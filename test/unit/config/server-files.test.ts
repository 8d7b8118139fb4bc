/** ssl_config_file and monitoring_config_file. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { ConfigFiles, configOf, errorsOf } from '../../support/config-files.ts';
import { selfSigned } from '../../support/self-signed.ts';

const BASE = ['--model_base_path=/models/m'];
const quoted = (pem: string): string =>
  pem
    .trimEnd()
    .split('\n')
    .map((line) => JSON.stringify(`${line}\n`))
    .join('\n  ');
const sslText = (fields: Readonly<Record<string, string>>): string =>
  Object.entries(fields)
    .map(([name, pem]) => `${name}: ${quoted(pem)}\n`)
    .join('');

describe('--ssl_config_file', () => {
  it('gives key, certificate, authorities, and whether clients must show one', (t) => {
    const { key, cert } = selfSigned();
    const text = `${sslText({ server_key: key, server_cert: cert, custom_ca: cert })}client_verify: true`;
    const path = new ConfigFiles(t).write('ssl.config', text);
    const { tls, isRestTls } = configOf([...BASE, `--ssl_config_file=${path}`, '--rest_api_tls']);
    assert.equal(tls!.config.serverKey.trim(), key.trim());
    assert.equal(tls!.config.serverCert.trim(), cert.trim());
    assert.equal(tls!.config.customCa!.trim(), cert.trim());
    assert.equal(tls!.config.verifyClient, true);
    assert.equal(isRestTls, true);
    assert.equal(configOf([...BASE, `--ssl_config_file=${path}`]).isRestTls, false);
    assert.equal(configOf(BASE).tls, undefined);
  });

  it('says what is wrong with each, and never shows any of it', (t) => {
    const { key, cert } = selfSigned();
    const encrypted = generateKeyPairSync('ec', {
      namedCurve: 'prime256v1',
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    }).privateKey;
    const cases: [Record<string, string>, RegExp][] = [
      [{ server_cert: cert }, /server_key is missing; it holds the PEM text itself/],
      [{ server_key: key }, /server_cert is missing/],
      [{ server_key: '/etc/ssl/SECRET.pem', server_cert: cert }, /ssl:1:1: server_key wants PEM text .*is it a path\?/],
      [{ server_key: cert, server_cert: cert }, /server_key wants PEM text \(-----BEGIN … PRIVATE KEY-----\)/],
      [{ server_key: encrypted, server_cert: cert }, /server_key wants an unencrypted private key/],
      [{ server_key: selfSigned().key, server_cert: cert }, /server_key is not the key of the first certificate/],
      [
        { server_key: key, server_cert: cert.replace(/\n[^-]+\n/, '\nAAAA\n') },
        /server_cert wants certificates in PEM/,
      ],
      [
        {
          server_key: key,
          server_cert: cert,
          custom_ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
        },
        /custom_ca holds a certificate that cannot be read/,
      ],
    ];
    for (const [fields, error] of cases) {
      const path = new ConfigFiles(t).write('ssl', sslText(fields));
      const errors = errorsOf([...BASE, `--ssl_config_file=${path}`]).join('\n');
      assert.match(errors, error);
      const inside = key.split('\n')[1]!;
      assert.ok(!errors.includes(inside) && !errors.includes('SECRET'), errors);
    }
  });

  it('is what --rest_api_tls needs', () => {
    assert.match(errorsOf([...BASE, '--rest_api_tls']).join(), /--ssl_config_file=FILE too/);
  });

  it('must be there', () => {
    assert.match(
      errorsOf([...BASE, '--ssl_config_file=/nonexistent']).join(),
      /^\/nonexistent: there is no such file$/,
    );
    assert.match(errorsOf([...BASE, '--ssl_config_file=/']).join(), /is a directory/);
  });
});

describe('--monitoring_config_file', () => {
  const pathOf = (t: TestContext, text: string) =>
    configOf([...BASE, `--monitoring_config_file=${new ConfigFiles(t).write('m', text)}`]).metricsPath;

  it('says whether and where the REST port serves metrics', (t) => {
    assert.equal(pathOf(t, 'prometheus_config { enable: true, path: "/metrics" }'), '/metrics');
    assert.equal(pathOf(t, 'prometheus_config: { enable: true }'), '/monitoring/prometheus/metrics');
    assert.equal(pathOf(t, 'prometheus_config { path: "/metrics" }'), undefined);
    assert.equal(pathOf(t, ''), undefined);
    assert.equal(configOf(BASE).metricsPath, '/monitoring/prometheus/metrics');
  });

  it('refuses a path that is none, or that a model’s would hide', (t) => {
    for (const path of ['metrics', '/v1/models/m', '/V2', '/a b', '/a?b']) {
      const file = new ConfigFiles(t).write('m', `prometheus_config { enable: true path: "${path}" }`);
      assert.match(
        errorsOf([...BASE, `--monitoring_config_file=${file}`]).join(),
        /m:1:34: path wants an absolute path/,
      );
    }
  });
});
