/** Options about TLS: PEM files, versions and cipher suites. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ConfigFiles, checkConfig, configOf, errorsOf } from '../../support/config-files.ts';
import { selfSigned } from '../../support/self-signed.ts';

const BASE = '--model_base_path=/models/m';
const { key, cert } = selfSigned();
const AUTHORITY = selfSigned('authority').cert;

interface Pems {
  readonly key?: string;
  readonly cert?: string;
  readonly ca?: string;
}

function flagsOf(t: TestContext, pems: Pems = {}): string[] {
  const files = new ConfigFiles(t);
  const flags = [BASE, `--tls_key_file=${files.write('tls.key', pems.key ?? key)}`];
  flags.push(`--tls_cert_file=${files.write('tls.crt', pems.cert ?? cert)}`);
  return pems.ca === undefined ? flags : [...flags, `--tls_client_ca_file=${files.write('ca.crt', pems.ca)}`];
}

describe('--tls_cert_file and --tls_key_file', () => {
  it('give every port TLS', (t) => {
    const { tls, isRestTls } = configOf(flagsOf(t));
    assert.deepEqual([tls!.config.serverKey, tls!.config.serverCert, isRestTls], [key, cert, true]);
    const { verifyClient, asksClient, customCa } = tls!.config;
    assert.deepEqual([verifyClient, asksClient, customCa], [false, false, undefined]);
    assert.equal(configOf([...flagsOf(t), '--rest_api_tls=false']).isRestTls, false);
    assert.match(checkConfig(flagsOf(t)).output, /^# gRPC: TLS; REST: TLS$/m);
  });

  it('want certificates of clients with --tls_client_ca_file, unless they may do without', (t) => {
    const { verifyClient, customCa } = configOf(flagsOf(t, { ca: AUTHORITY })).tls!.config;
    assert.deepEqual([verifyClient, customCa], [true, AUTHORITY]);
    const asking = configOf([...flagsOf(t, { ca: AUTHORITY }), '--tls_verify_client=false']).tls!.config;
    assert.deepEqual([asking.verifyClient, asking.asksClient], [false, true]);
  });

  it('belong together, and to nothing else', (t) => {
    const [, keyFlag, certFlag] = flagsOf(t);
    const ca = `--tls_client_ca_file=${new ConfigFiles(t).write('ca', AUTHORITY)}`;
    const cases: readonly (readonly [flags: readonly string[], error: RegExp])[] = [
      [[keyFlag!], /belong together; give both/],
      [[certFlag!], /belong together; give both/],
      [[ca], /--tls_client_ca_file has a meaning only with TLS; give --tls_cert_file=FILE/],
      [[keyFlag!, certFlag!, '--ssl_config_file=/x'], /--ssl_config_file holds key and certificates itself/],
      [[ca, '--ssl_config_file=/x'], /--ssl_config_file holds key and certificates itself/],
      [
        [keyFlag!, certFlag!, '--tls_verify_client'],
        /--tls_verify_client wants the authorities .*give --tls_client_ca_file/,
      ],
      [['--rest_api_tls'], /--rest_api_tls wants a key and certificates/],
    ];
    for (const [flags, error] of cases) assert.match(errorsOf([BASE, ...flags]).join('\n'), error);
  });

  it('say what is wrong with each file, and show nothing of it', (t) => {
    const cases: readonly (readonly [Pems, RegExp])[] = [
      [{ key: '' }, /tls\.key: wants PEM text \(-----BEGIN … PRIVATE KEY-----\)$/],
      [{ cert: key }, /tls\.crt: wants PEM text \(-----BEGIN … CERTIFICATE-----\)$/],
      [{ key: selfSigned().key }, /tls\.key: is not the key of the first certificate in \/.*tls\.crt$/],
      [{ key: key.slice(0, 80) }, /tls\.key: breaks off in the middle of its PEM text/],
      [{ cert: `${cert}${cert.slice(0, 200)}` }, /tls\.crt: breaks off/],
      [{ cert: `${cert}-----BEGIN CERTI` }, /tls\.crt: breaks off/],
      [{ ca: AUTHORITY.replace(/\nM/, '\nA') }, /ca\.crt: holds a certificate that cannot be read$/],
    ];
    for (const [pems, error] of cases) {
      const errors = errorsOf(flagsOf(t, pems)).join('\n');
      assert.match(errors, error);
      assert.doesNotMatch(errors, /[A-Za-z0-9+/]{40}/);
    }
    const missing = errorsOf([BASE, '--tls_key_file=/nowhere/k', '--tls_cert_file=/nowhere/c']).join('\n');
    assert.match(missing, /^\/nowhere\/c: there is no such file\n\/nowhere\/k: there is no such file$/);
  });

  it('may have text around the PEM, and dashes in it', (t) => {
    const text = `# ---------- ours ----------\n${cert}\n# -----\n`;
    assert.equal(configOf(flagsOf(t, { cert: text })).tls!.config.serverCert, text);
  });

  it('are taken at the start when they have expired, with a warning', (t) => {
    const past = selfSigned('localhost', { until: '210101000000Z' });
    assert.match(configOf(flagsOf(t, past)).warnings.join(), /certificate has expired at 2021-01-01T00:00:00.000Z/);
  });
});

describe('--tls_min_version and --tls_cipher_suites', () => {
  const limitsOf = (t: TestContext, ...flags: string[]) => configOf([...flagsOf(t), ...flags]).tls!.config.limits!;
  const TLS13 = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';

  it('are TLS 1.2 and all suites with forward secrecy and authenticated encryption', (t) => {
    const { minVersion, ciphers } = limitsOf(t);
    assert.equal(minVersion, 'TLSv1.2');
    assert.match(ciphers, new RegExp(`^${TLS13}:ECDHE-`));
    assert.doesNotMatch(ciphers, /CBC|-SHA(?::|$)|SHA256(?!:|$)|RSA-AES128-SHA/);
    assert.equal(limitsOf(t, '--tls_min_version=1.3').minVersion, 'TLSv1.3');
  });

  it('come from pillion.yaml too', (t) => {
    const yaml = new ConfigFiles(t).write('pillion.yaml', 'tls_min_version: "1.3"\n');
    assert.equal(limitsOf(t, `--config=${yaml}`).minVersion, 'TLSv1.3');
    const bare = new ConfigFiles(t).write('pillion.yaml', 'tls_min_version: 1.3\n');
    assert.equal(limitsOf(t, `--config=${bare}`).minVersion, 'TLSv1.3');
  });

  it('take OpenSSL’s names and IANA’s; TLS 1.3’s stay unless some are named', (t) => {
    const [openSsl, iana] = ['ECDHE-RSA-AES128-GCM-SHA256', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'];
    for (const name of [openSsl, iana]) {
      assert.equal(limitsOf(t, `--tls_cipher_suites=${name}`).ciphers, `${TLS13}:${openSsl}`);
    }
    const both = `TLS_AES_256_GCM_SHA384,${iana}`;
    assert.equal(limitsOf(t, `--tls_cipher_suites=${both}`).ciphers, `TLS_AES_256_GCM_SHA384:${openSsl}`);
  });

  it('refuse what is not known or not safe, with the list of what is', (t) => {
    for (const bad of [
      'AES128-SHA',
      'ECDHE-RSA-AES128-SHA',
      'ALL',
      'tls_aes_128_gcm_sha256',
      'TLS_AES_128_GCM_SHA256,',
    ]) {
      const errors = errorsOf([...flagsOf(t), `--tls_cipher_suites=${bad}`]).join();
      assert.match(errors, /names with commas between, of TLS_AES_128_GCM_SHA256, .*ECDHE-RSA-CHACHA20-POLY1305$/, bad);
    }
    for (const bad of ['1.1', 'TLSv1.2', '2']) {
      assert.match(errorsOf([...flagsOf(t), `--tls_min_version=${bad}`]).join(), /wants one of 1\.2, 1\.3$/);
    }
  });

  it('have no effect without TLS, and say so', () => {
    const { warnings } = configOf([BASE, '--tls_min_version=1.3']);
    assert.deepEqual(warnings, ['--tls_min_version has no effect: no port speaks TLS without --tls_cert_file']);
  });
});
