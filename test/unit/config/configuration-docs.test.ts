/** docs/reference/configuration.md: every example is read as the file that it shows, and every option is there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { serveOptions } from '../../../src/config/options/serve-options.ts';
import { FEATURES } from '../../../src/pillion.ts';
import { ConfigFiles, configOf, errorsOf } from '../../support/config-files.ts';
import { jsonSchemas } from '../../support/json-schemas.ts';
import { selfSigned } from '../../support/self-signed.ts';

const PAGE = readFileSync('docs/reference/configuration.md', 'utf8');
const EXAMPLES = new Map([...PAGE.matchAll(/^```\w+ (\S+)\n([\s\S]*?)^```$/gm)].map((match) => [match[1]!, match[2]!]));
const BASE = '--model_base_path=/m';

describe('docs/reference/configuration.md', () => {
  it('shows a file of each kind', () => {
    assert.deepEqual(
      [...EXAMPLES.keys()],
      ['pillion.yaml', 'models.config', 'batching.config', 'batching_params.pbtxt', 'monitoring.config', 'ssl.config'],
    );
  });

  for (const [name, flags] of [
    ['pillion.yaml', ['--config=']],
    ['models.config', ['--model_config_file=']],
    ['batching.config', [BASE, '--batching_parameters_file=']],
    ['batching_params.pbtxt', [BASE, '--batching_parameters_file=']],
    ['monitoring.config', [BASE, '--monitoring_config_file=']],
  ] as const) {
    it(`shows a ${name} that is taken without a word`, (t) => {
      const path = new ConfigFiles(t).write(name, EXAMPLES.get(name)!);
      const args = flags.map((flag) => (flag.endsWith('=') ? flag + path : flag));
      assert.deepEqual(configOf(args).warnings, []);
    });
  }

  it('has an entry of every option, and what npm run gen -- options makes of the tables', async () => {
    const entries = [...PAGE.matchAll(/^#### (\w+)$/gm)].map(([, name]) => name!);
    assert.deepEqual(entries.sort(), Object.keys(serveOptions(FEATURES)).sort());
    const { withOptions } = await import(pathToFileURL(resolve('scripts/lib/option-entries.mjs')).href);
    assert.equal(await withOptions(PAGE, resolve('build/src')), PAGE, 'run: npm run gen -- options');
  });

  it('shows keys of features as they are taken', (t) => {
    const text = EXAMPLES.get('pillion.yaml')!;
    const keys = new Set(FEATURES.modelKeys.map(({ name }) => name));
    const shown = [...text.matchAll(/^ {4}# (\w+): .*$/gm)].filter(([, key]) => keys.has(key!));
    for (const [line] of shown) {
      const path = new ConfigFiles(t).write('pillion.yaml', text.replace(line, line.replace('# ', '')));
      assert.deepEqual(configOf([`--config=${path}`]).warnings, [], line);
    }
  });

  it('shows the same model in both lists', (t) => {
    const files = new ConfigFiles(t);
    const [fromYaml] = configOf([`--config=${files.write('y', EXAMPLES.get('pillion.yaml')!)}`]).models;
    const [fromText] = configOf([`--model_config_file=${files.write('t', EXAMPLES.get('models.config')!)}`]).models;
    for (const field of ['name', 'basePath', 'versionLabels'] as const) {
      assert.deepEqual(fromYaml![field], fromText![field], field);
    }
  });

  it('shows a pillion.yaml that the schema takes', async () => {
    const schema = (await jsonSchemas())['pillion.schema.json']!;
    const isValid = new Ajv({ strict: true, allowUnionTypes: true }).compile(schema);
    assert.ok(isValid(parse(EXAMPLES.get('pillion.yaml')!)), JSON.stringify(isValid.errors));
  });

  it('shows an ssl.config that is taken once real keys stand in it, put there as the page says', (t) => {
    const files = new ConfigFiles(t);
    const text = EXAMPLES.get('ssl.config')!;
    assert.match(
      errorsOf([BASE, `--ssl_config_file=${files.write('ssl', text)}`]).join(),
      /server_key wants an unencrypted/,
    );
    const program = /`awk '([^`]*)' server\.key`/.exec(PAGE)![1]!;
    const { key, cert } = selfSigned();
    const asText = (pem: string): string =>
      execFileSync('awk', [program, files.write('pem', pem)], { encoding: 'utf8' });
    const real = text
      .replace(/(server_key:\n)(?: {2}".*\n)+/, (_, field: string) => field + asText(key))
      .replace(/(server_cert:\n)(?: {2}".*\n)+/, (_, field: string) => field + asText(cert));
    const { tls } = configOf([BASE, `--ssl_config_file=${files.write('real', real)}`]);
    assert.equal(tls!.config.serverKey.trim(), key.trim());
    assert.equal(tls!.config.customCa, undefined);
  });
});
