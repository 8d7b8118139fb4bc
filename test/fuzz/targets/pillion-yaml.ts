import { serveKeys } from '../../../src/config/options/serve-options.ts';
import { parsePillionYaml } from '../../../src/config/yaml/pillion-yaml.ts';
import { FEATURES } from '../../../src/pillion.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

export const target: FuzzTarget = {
  says: 'pillion.yaml; mistakes are reported, never thrown',
  maxBytes: 512,
  words: [
    'models:',
    '\n- name: m',
    '\n  path: /m',
    'port: 8500',
    'log_level: info',
    '&a',
    '*a',
    '<<:',
    '!!binary',
    '---\n',
    '|\n',
    '"',
    '[',
    ']',
    '{',
    '}',
    ': ',
    '#',
    '~',
    '0x1f',
    '.nan',
  ],
  seeds: ['port: 8500\nmodels:\n- name: m\n  base_path: /m\n  versions: latest:2\n'],
  run(bytes) {
    const errors: string[] = [];
    parsePillionYaml('pillion.yaml', bytes, serveKeys(FEATURES), errors).models({ executionProvider: 'cpu' });
  },
};
