/** --model_roots: where a model, and the files that it names, must lie. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, it } from 'node:test';
import { FREE_PORTS } from '../../bench/support/launcher.ts';
import { killSidecars, runPillion, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';

afterEach(killSidecars);

const NOT_ALLOWED =
  /is not allowed: allowed is what lies in this directory, or under .*; --model_roots=DIR allows more/;

it('the TLS files of a remote.yaml lie under them, or beside it, whatever links say', async (t) => {
  const root = tempDirectory(t);
  writeFileSync(join(root, 'secret.pem'), 'SECRET');
  const models = join(root, 'models');
  const write = (name: string, ca: string): string => {
    const version = join(models, name, '1');
    mkdirSync(version, { recursive: true });
    writeFileSync(
      join(version, 'remote.yaml'),
      `address: 127.0.0.1:1\nmodel: m\nconnect_timeout_ms: 1\ntls: {ca: ${ca}}\n`,
    );
    return `--model=${name}=${join(models, name)}`;
  };
  const args = [
    write('absolute', join(root, 'secret.pem')),
    write('up', '../../../secret.pem'),
    write('link', 'ca.pem'),
    write('beside', 'own.pem'),
    write('below', '../../certs/ca.pem'),
  ];
  symlinkSync(join(root, 'secret.pem'), join(models, 'link', '1', 'ca.pem'));
  writeFileSync(join(models, 'beside', '1', 'own.pem'), 'PEM');
  mkdirSync(join(models, 'certs'));
  writeFileSync(join(models, 'certs', 'ca.pem'), 'PEM');
  // Those that are taken cannot be reached, and are tried again for ever.
  const sidecar = runPillion(['serve', ...FREE_PORTS, ...args, `--model_roots=${models}`]);
  for (const name of ['absolute', 'up', 'link', 'beside', 'below']) {
    const { err } = await sidecar.line((line) => line['model'] === name && line['err'] !== undefined);
    const { kind, message } = err as { readonly kind: string; readonly message: string };
    const isTaken = name === 'beside' || name === 'below';
    assert.equal(kind, isTaken ? 'backend_unavailable' : 'load_failed', message);
    assert.equal(NOT_ALLOWED.test(message), !isTaken, message);
  }
  assert.equal(await sidecar.stop(), 0);
});

it('models of a Triton repository lie there or under them, whatever links say', async (t) => {
  const root = tempDirectory(t);
  const repository = join(root, 'repository');
  mkdirSync(repository);
  for (const name of ['inside', 'outside', 'allowed']) {
    const place = join(root, name === 'inside' ? 'repository' : name, name);
    cpSync('examples/digits/models/digits', place, { recursive: true });
    if (name !== 'inside') symlinkSync(place, join(repository, name));
  }
  const roots = `--model_roots=${join(root, 'allowed')}`;
  const limited = await startSidecar([`--model-repository=${repository}`, roots]);
  const statusOf = async (rest: string, name: string) => (await fetch(`${rest}/v2/models/${name}/ready`)).status;
  const { msg } = await limited.line(({ event }) => event === 'not_loaded');
  assert.match(msg!, /"outside".*leads out of the repository: allowed is what lies under .*allowed, .*repository/);
  assert.equal(await statusOf(limited.rest, 'inside'), 200);
  assert.equal(await statusOf(limited.rest, 'allowed'), 200);
  assert.notEqual(await statusOf(limited.rest, 'outside'), 200);
  assert.equal(await limited.stop(), 0);
});
