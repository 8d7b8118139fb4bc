import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serveOptions } from '../../../src/config/options/serve-options.ts';
import { FEATURES } from '../../../src/pillion.ts';
import { configOf, errorsOf } from '../../support/config-files.ts';

const BASE = ['--model_base_path=/models/m'];

/** As a kubelet sets them for a Service. */
function linksOf(service: string, { protocol = 'tcp', host = '10.0.0.1' } = {}): Record<string, string> {
  const name = service.toUpperCase().replaceAll('-', '_');
  const url = `${protocol}://${host.includes(':') ? `[${host}]` : host}:80`;
  const port = `${name}_PORT_80_${protocol.toUpperCase()}`;
  return {
    [`${name}_SERVICE_HOST`]: host,
    [`${name}_SERVICE_PORT`]: '80',
    [`${name}_SERVICE_PORT_HTTP`]: '80',
    [`${name}_PORT`]: url,
    [port]: url,
    [`${port}_PROTO`]: protocol,
    [`${port}_PORT`]: '80',
    [`${port}_ADDR`]: host,
  };
}

describe('variables of Kubernetes Services', () => {
  it('are no options, and one line of the log says so', () => {
    const { options, warnings, origins } = configOf(BASE, linksOf('pillion'));
    assert.equal(options.port, 8500);
    assert.equal(origins.get('port')!.kind, 'default');
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^ignored, .*: PILLION_PORT=tcp:\/\/10\.0\.0\.1:80; enableServiceLinks: false/);
  });

  it('are told in one line, of however many Services', () => {
    const services = { ...linksOf('pillion'), ...linksOf('pillion-rest-api', { host: 'fd00::1' }) };
    const more = { ...linksOf('pillion-admin', { protocol: 'udp' }), ...linksOf('pillion-of-others') };
    const { options, warnings } = configOf(BASE, { ...services, ...more });
    assert.deepEqual([options.port, options.rest_api_port, options.admin_port], [8500, 8501, 8502]);
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0]!,
      /PILLION_PORT=.*, PILLION_REST_API_PORT=tcp:\/\/\[fd00::1\]:80, PILLION_ADMIN_PORT=udp:/,
    );
  });

  it('leave the option to a file or a flag', () => {
    const { options, warnings } = configOf([...BASE, '--port=9000'], linksOf('pillion'));
    assert.equal(options.port, 9000);
    assert.deepEqual(warnings, []);
  });

  it('have the name of an option in NAME_PORT alone', () => {
    for (const name of Object.keys(serveOptions(FEATURES))) {
      const variable = `PILLION_${name.toUpperCase()}`;
      assert.doesNotMatch(variable, /_SERVICE_(HOST|PORT)|_PORT_\d+_/);
      const { warnings } = configOf(
        BASE,
        linksOf(name.replace(/_?port$/, '') ? `pillion-${name.replace(/_port$/, '')}` : 'pillion'),
      );
      assert.equal(warnings.length, /(^|_)port$/.test(name) ? 1 : 0, name);
    }
  });

  it('are told apart from mistakes', () => {
    for (const text of ['tcp', '10.0.0.1:80', 'http://10.0.0.1:80', 'tcp://10.0.0.1', 'tcp://10.0.0.1:80/x']) {
      assert.match(errorsOf(BASE, { PILLION_PORT: text }).join(), /PILLION_PORT=.*: wants a whole number/, text);
    }
    assert.match(errorsOf(BASE, { PILLION_SLO_MS: 'tcp://10.0.0.1:80' }).join(), /PILLION_SLO_MS=.*: wants/);
  });
});
