/** Files of configuration for one test, and what serve makes of them. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { checkConfig as check } from '../../src/cli/config-check.ts';
import { type ConfigSource, readServeConfig, type ServeConfig } from '../../src/config/serve-config.ts';
import { FEATURES } from '../../src/pillion.ts';
import { tempDirectory } from './temp-directory.ts';

await FEATURES.load();

export class ConfigFiles {
  readonly directory: string;

  constructor(t: TestContext) {
    this.directory = tempDirectory(t);
  }

  /** Writes a file; gives its path. */
  write(name: string, text: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  }
}

/** The configuration that serve makes of a command line, with all features. */
export function readConfig(
  args: readonly string[],
  environment: Record<string, string | undefined> = {},
  defaults?: ConfigSource['defaults'],
): ReturnType<typeof readServeConfig> {
  return readServeConfig({ args, environment, features: FEATURES, defaults });
}

/** `pillion config check` with all features. */
export function checkConfig(
  args: readonly string[],
  environment: Record<string, string | undefined> = {},
): ReturnType<typeof check> {
  return check({ args, environment, features: FEATURES });
}

export function configOf(
  args: readonly string[],
  environment: Record<string, string> = {},
  features = FEATURES,
): ServeConfig {
  const { config, errors } = readServeConfig({ args, environment, features });
  assert.deepEqual(errors, undefined);
  return config!;
}

export function errorsOf(args: readonly string[], environment: Record<string, string> = {}): readonly string[] {
  return readConfig(args, environment).errors ?? [];
}

/** A model_config_file of models at /models/NAME, each with further fields. */
export function modelsText(models: Readonly<Record<string, string>>): string {
  const entries = Object.entries(models).map(
    ([name, fields]) => `  config {\n    name: "${name}"\n    base_path: "/models/${name}"\n    ${fields}\n  }\n`,
  );
  return `model_config_list {\n${entries.join('')}}\n`;
}
