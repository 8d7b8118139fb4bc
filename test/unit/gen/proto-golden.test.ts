/**
 * proto/ against what other implementations publish: names, numbers and types must agree, or clients generated from
 * their files and ours would not understand each other.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  type FileRegistry,
  fromBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { protoRegistry } from '../../support/proto-registry.ts';

/** Golden members that proto/ leaves out, and why. Anything else that is missing fails the test. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'tensorflow.TensorInfo.CompositeTensor.type_spec':
    'drags in the whole of struct.proto; only plain tensors are described here',
  'tensorflow.serving.PredictionLog.session_run_log':
    'drags in the whole of config.proto for a service that no stock server registers',
};

/**
 * Files of configuration that no package publishes descriptors of: their names and numbers are held by the tests of
 * what reads them (test/unit/config).
 */
const UNPUBLISHED: ReadonlySet<string> = new Set([
  'tensorflow_serving/config/monitoring_config.proto',
  'tensorflow_serving/config/ssl_config.proto',
  'tensorflow_serving/servables/tensorflow/session_bundle_config.proto',
]);

/** Our package → the golden set that has it, and its package there. */
const GOLDEN = [
  { set: 'tensorflow-serving-api', ours: 'tensorflow', theirs: 'tensorflow' },
  { set: 'tritonclient-grpc', ours: 'inference', theirs: 'inference' },
  { set: 'grpc-health', ours: 'grpc.health.v1', theirs: 'grpc.health.v1' },
  { set: 'grpc-reflection-v1alpha', ours: 'grpc.reflection.v1alpha', theirs: 'grpc.reflection.v1alpha' },
  { set: 'grpc-reflection-v1alpha', ours: 'grpc.reflection.v1', theirs: 'grpc.reflection.v1alpha' },
  { set: 'xds-orca', ours: 'xds.data.orca.v3', theirs: 'xds.data.orca.v3' },
  { set: 'xds-orca', ours: 'xds.service.orca.v3', theirs: 'xds.service.orca.v3' },
];

function goldenRegistry(set: string): FileRegistry {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(`test/golden/wire/${set}.fds.bin`)));
}

/** Everything of a field that shows on the wire or in JSON, as comparable text. */
function describeField(field: DescField): Record<string, unknown> {
  return {
    number: field.number,
    kind: field.fieldKind,
    type: typeOf(field),
    // Python's descriptors leave the name out where it is the default one.
    jsonName: field.jsonName || defaultJsonName(field.name),
    oneof: field.oneof?.name,
    presence: field.presence,
    isPacked: field.fieldKind === 'list' ? field.packed : undefined,
    proto: { type: field.proto.type, label: field.proto.label, optional: field.proto.proto3Optional },
  };
}

function defaultJsonName(name: string): string {
  return name.replace(/_+([^_])?/g, (_, letter: string | undefined) => letter?.toUpperCase() ?? '');
}

function typeOf(field: DescField): unknown {
  switch (field.fieldKind) {
    case 'scalar':
      return field.scalar;
    case 'enum':
      return field.enum.typeName;
    case 'message':
      return field.message.typeName;
    case 'list':
      return field.listKind === 'scalar' ? field.scalar : (field.message ?? field.enum).typeName;
    case 'map':
      return [field.mapKey, field.mapKind === 'scalar' ? field.scalar : (field.message ?? field.enum).typeName];
  }
}

function describeMethod(method: DescMethod): Record<string, unknown> {
  return { kind: method.methodKind, input: method.input.typeName, output: method.output.typeName };
}

interface Member {
  readonly name: string;
  readonly said: unknown;
}

function membersOf(type: DescMessage | DescEnum | DescService): readonly Member[] {
  switch (type.kind) {
    case 'message':
      return type.fields.map((field) => ({ name: field.name, said: describeField(field) }));
    case 'enum':
      return type.values.map((value) => ({ name: value.name, said: value.number }));
    case 'service':
      return type.methods.map((method) => ({ name: method.name, said: describeMethod(method) }));
  }
}

for (const { set, ours, theirs } of GOLDEN) {
  test(`${ours} agrees with ${set}`, () => {
    const golden = goldenRegistry(set);
    // The types inside are named by package too.
    const inOurs = (said: unknown): unknown => JSON.parse(JSON.stringify(said).replaceAll(`"${theirs}.`, `"${ours}.`));
    let compared = 0;
    for (const type of protoRegistry) {
      if (!type.typeName.startsWith(`${ours}.`) || type.kind === 'extension') continue;
      if (UNPUBLISHED.has(`${type.file.name}.proto`)) continue;
      const other = golden.get(type.typeName.replace(ours, theirs));
      assert.ok(other !== undefined && other.kind !== 'extension', `${type.typeName} is not in the golden set`);
      assert.equal(type.kind, other.kind, type.typeName);
      const goldenMembers = new Map(membersOf(other).map(({ name, said }) => [name, inOurs(said)]));
      for (const { name, said } of membersOf(type)) {
        const fullName: string = `${type.typeName}.${name}`;
        assert.ok(goldenMembers.has(name), `${fullName} is not in the golden set`);
        assert.deepEqual(inOurs(said), goldenMembers.get(name), fullName);
        goldenMembers.delete(name);
        compared += 1;
      }
      const missing = [...goldenMembers.keys()].map((name) => `${type.typeName}.${name}`);
      assert.deepEqual(
        missing.filter((name) => !(name in LEFT_OUT)),
        [],
        'missing from proto/',
      );
    }
    assert.ok(compared > 0);
  });
}

test('members that proto/ leaves out on purpose are in the golden set', () => {
  const registries = ['tensorflow-serving-api', 'tritonclient-grpc'].map(goldenRegistry);
  for (const name of Object.keys(LEFT_OUT)) {
    const [, owner, field] = /^(.+)\.([^.]+)$/.exec(name)!;
    const golden = registries.find((each) => each.getMessage(owner!) !== undefined)!;
    assert.ok(
      golden.getMessage(owner!)?.fields.some((each) => each.name === field),
      name,
    );
    assert.ok(!protoRegistry.getMessage(owner!)?.fields.some((each) => each.name === field), name);
  }
});

test('file names and packages are the original ones', () => {
  const registries = ['tensorflow-serving-api', 'tritonclient-grpc', 'xds-orca'].map(goldenRegistry);
  const names = new Set(
    registries.flatMap(({ files }) => [...files].map((file) => `${file.name} ${file.proto.package}`)),
  );
  for (const file of protoRegistry.files) {
    if (file.proto.package.startsWith('grpc.') || UNPUBLISHED.has(`${file.name}.proto`)) continue;
    assert.ok(names.has(`${file.name} ${file.proto.package}`), file.name);
  }
});
