/**
 * proto/ → src/gen/proto-descriptors.ts: each .proto file (and the google/protobuf ones they import) as a serialized
 * FileDescriptorProto in base64, without comments. A .ts file rather than a .binpb one because it must be there after
 * `tsc` and after bundling. Works offline: buf is an npm package and carries google/protobuf itself.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { root } from '../lib/setup.mjs';

const BUF = join(root, 'node_modules', '.bin', 'buf');
const BUF_ARGUMENTS = ['build', '--as-file-descriptor-set', '--exclude-source-info', '-o', '-#format=binpb'];

/** The files in dependency order: imports before those that import them. */
function buildDescriptors() {
  const { status, stdout, stderr, error } = spawnSync(BUF, BUF_ARGUMENTS, { cwd: root, maxBuffer: 2 ** 26 });
  if (error !== undefined) throw new Error(`cannot run ${BUF}; is @bufbuild/buf installed?`, { cause: error });
  if (status !== 0) throw new Error(`buf build failed:\n${stderr}${stdout}`);
  return fromBinary(FileDescriptorSetSchema, stdout).file;
}

function render(files) {
  const entries = files.map((file) => {
    const base64 = Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString('base64');
    const lines = base64.match(/.{1,110}/g).map((line) => `    '${line}'`);
    return `  [\n    '${file.name}',\n${lines.join(' +\n')},\n  ],\n`;
  });
  return `// Generated from proto/ by scripts/gen/proto.mjs (npm run gen -- proto). Do not edit.

/** Name of each .proto file and its FileDescriptorProto in base64; imports stand before those that import them. */
export const PROTO_DESCRIPTORS: readonly (readonly [name: string, base64: string])[] = [
${entries.join('')}];
`;
}

export function generate() {
  return { 'src/gen/proto-descriptors.ts': render(buildDescriptors()) };
}
