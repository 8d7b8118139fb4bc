/**
 * src/codec/json/number-rows.wat → src/gen/number-rows-wasm.ts: the module in base64. A .ts file rather than a .wasm
 * one because it must be there after `tsc` and after bundling.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import loadWabt from 'wabt';
import { root } from '../lib/setup.mjs';

const SOURCE = 'src/codec/json/number-rows.wat';

export async function generate() {
  const wabt = await loadWabt();
  const module = wabt.parseWat(SOURCE, readFileSync(join(root, SOURCE), 'utf8'), { multi_value: true });
  module.validate();
  const base64 = Buffer.from(module.toBinary({}).buffer).toString('base64');
  const lines = base64.match(/.{1,110}/g).map((line) => `  '${line}'`);
  const text = `// Generated from ${SOURCE} by scripts/gen/wasm.mjs (npm run gen -- wasm). Do not edit.

/** The module in base64. */
export const NUMBER_ROWS_WASM =
${lines.join(' +\n')};
`;
  return { 'src/gen/number-rows-wasm.ts': text };
}
