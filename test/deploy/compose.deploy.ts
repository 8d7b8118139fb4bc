/** deploy/compose as Compose itself reads it: compose-go, by which `docker compose config` does. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { tempDirectory } from '../support/temp-directory.ts';
import { runProgram } from './manifests.ts';

const FILE = 'deploy/compose/compose.yaml';

interface Project {
  readonly name: string;
  readonly services: Readonly<Record<string, Service>>;
}

interface Service {
  readonly image: string;
  readonly network_mode?: string;
  readonly mem_limit?: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly volumes?: readonly { readonly type: string; readonly source: string; readonly read_only?: boolean }[];
  readonly ports?: readonly { readonly target: number; readonly published: string }[];
}

describe('deploy/compose', () => {
  it('is a project of five services, with files that are there', () => {
    const { status, stdout, output } = runProgram('COMPOSE', [FILE]);
    assert.equal(status, 0, output);
    const { name, services } = JSON.parse(stdout) as Project;
    assert.equal(name, 'pillion');
    assert.deepEqual(Object.keys(services).sort(), ['app', 'grafana', 'jaeger', 'pillion', 'prometheus']);
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    const { app, pillion } = services;
    assert.deepEqual([app!.image, pillion!.image], Array(2).fill(`localhost/pillion:${version}`));
    assert.equal(app!.network_mode, 'service:pillion');
    assert.equal(app!.depends_on!['pillion']!.condition, 'service_healthy');
    assert.equal(pillion!.mem_limit, String(256 << 20));
    const published = Object.values(services).flatMap(({ ports = [] }) => ports.map((port) => port.published));
    assert.deepEqual(published.sort(), ['16686', '3000', '8000', '9090']);
    for (const { type, source, read_only } of Object.values(services).flatMap(({ volumes = [] }) => volumes)) {
      assert.deepEqual([type, read_only, existsSync(source)], ['bind', true, true], source);
    }
  });

  it('is refused with a key that Compose does not know, and with a service that is not there', (t) => {
    const text = readFileSync(FILE, 'utf8');
    const refusalOf = (changed: string): string => {
      const file = join(tempDirectory(t), 'compose.yaml');
      writeFileSync(file, changed);
      const { status, output } = runProgram('COMPOSE', [file]);
      assert.equal(status, 1, output);
      return output;
    };
    assert.match(refusalOf(text.replace('read_only: true', 'readonly: true')), /services\.pillion\.readonly/);
    assert.match(refusalOf(text.replace('service:pillion', 'service:pilion')), /pilion/);
  });
});
