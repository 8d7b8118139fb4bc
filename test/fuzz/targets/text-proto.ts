import { parseTextProtoFile } from '../../../src/config/config-file.ts';
import { MODEL_SERVER_CONFIG, modelsOfServerConfig } from '../../../src/config/model-server-config.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

export const target: FuzzTarget = {
  says: "lists of models in protobuf's text format; mistakes are reported, never thrown",
  maxBytes: 1024,
  words: [
    'model_config_list',
    '{',
    '}',
    'config',
    'name:',
    'base_path:',
    '"m"',
    'model_platform: "tensorflow"',
    'model_version_policy',
    'specific',
    'versions: 1',
    'version_labels',
    'key:',
    'value:',
    'latest',
    'all',
    '[',
    ']',
    ',',
    '#',
    "'\\x41'",
    '-1',
    '1e3',
    'inf',
  ],
  seeds: [
    'model_config_list { config { name: "m" base_path: "/m" model_platform: "tensorflow" model_version_policy { specific { versions: [1, 2] } } version_labels { key: "a" value: 1 } } }',
  ],
  run(bytes) {
    const errors: string[] = [];
    const parsed = parseTextProtoFile(MODEL_SERVER_CONFIG, 'models.config', bytes, errors);
    if (parsed !== undefined) modelsOfServerConfig(parsed.message, parsed.where, { executionProvider: 'cpu' });
  },
};
