/** Server reflection, both packages: a tool that knows nothing can find everything. */
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { create, createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { status as Status } from '@grpc/grpc-js';
import { Reflection } from '../../../../src/features/reflection/reflection-service.ts';
import { eachEngine as test } from '../../../support/grpc-engines.ts';
import { type Answer, type GrpcHarness, withGrpc } from '../../../support/grpc-harness.ts';
import { LISTED_SURFACES } from '../../../support/listed-features.ts';
import { frame, openSession, rawCall } from '../../../support/raw-grpc.ts';

/** As withGrpc, with reflection. */
function withReflection(setUp: () => void, use: (server: GrpcHarness) => Promise<void>): Promise<void> {
  return withGrpc(setUp, use, {
    surfaces: [...LISTED_SURFACES, () => ({ grpc: (_, all) => new Reflection(all).services })],
  });
}

/** Asks on one stream, in order. */
async function ask(server: GrpcHarness, version: string, ...requests: object[]): Promise<Answer[]> {
  const call = server.client(`grpc.reflection.${version}.ServerReflection`).ServerReflectionInfo();
  for (const request of requests) call.write(request);
  call.end();
  const answers: Answer[] = [];
  for await (const answer of call) answers.push(answer);
  return answers;
}

/** The files as a registry. One that is imported and did not come fails the test. */
function registryOf(answer: Answer): FileRegistry {
  const byName = new Map<string, FileDescriptorProto>();
  for (const bytes of answer.file_descriptor_response.file_descriptor_proto as Buffer[]) {
    const file = fromBinary(FileDescriptorProtoSchema, bytes);
    byName.set(file.name, file);
  }
  // The registry wants what is imported first.
  const inOrder = new Set<FileDescriptorProto>();
  const add = (name: string): void => {
    const file = byName.get(name);
    assert.ok(file !== undefined, `${name} is imported and was not sent`);
    for (const imported of file.dependency) add(imported);
    inOrder.add(file);
  };
  for (const name of byName.keys()) add(name);
  return createFileRegistry(create(FileDescriptorSetSchema, { file: [...inOrder] }));
}

for (const version of ['v1', 'v1alpha']) {
  test(`${version}: from the list of services to every method's messages`, async () => {
    await withReflection(
      () => undefined,
      async (server) => {
        const [list] = await ask(server, version, { list_services: '*', host: 'h' });
        const services: string[] = list.list_services_response.service.map((each: { name: string }) => each.name);
        assert.deepEqual(services.sort(), [
          'grpc.health.v1.Health',
          'grpc.reflection.v1.ServerReflection',
          'grpc.reflection.v1alpha.ServerReflection',
          'inference.GRPCInferenceService',
          'tensorflow.serving.ModelService',
          'tensorflow.serving.PredictionService',
        ]);
        assert.equal(list.valid_host, 'h');
        assert.equal(list.original_request.list_services, '*');
        const answers = await ask(server, version, ...services.map((name) => ({ file_containing_symbol: name })));
        services.forEach((name, i) => {
          const service = registryOf(answers[i]).getService(name);
          assert.ok(service !== undefined && service.methods.length > 0);
        });
      },
    );
  });
}

test('maps are described as maps', async () => {
  await withReflection(
    () => undefined,
    async (server) => {
      const [answer] = await ask(server, 'v1', { file_containing_symbol: 'tensorflow.serving.PredictRequest' });
      const inputs = registryOf(answer).getMessage('tensorflow.serving.PredictRequest')!.field['inputs']!;
      assert.equal(inputs.fieldKind, 'map');
    },
  );
});

test('files, fields, methods, enum values and nested messages are found; what is not known is an error on a stream that goes on', async () => {
  await withReflection(
    () => undefined,
    async (server) => {
      const found = [
        'tensorflow.TensorProto.float_val',
        'tensorflow.serving.PredictionService.Predict',
        'tensorflow.DT_FLOAT',
        'tensorflow.TensorShapeProto.Dim',
        'google.protobuf.Any',
      ];
      const answers = await ask(
        server,
        'v1alpha',
        { file_by_filename: 'tensorflow/core/framework/tensor.proto' },
        { file_by_filename: 'nope.proto' },
        { file_containing_symbol: 'tensorflow.Nope' },
        { file_containing_extension: { containing_type: 'tensorflow.TensorProto', extension_number: 100 } },
        { all_extension_numbers_of_type: 'tensorflow.TensorProto' },
        { all_extension_numbers_of_type: 'tensorflow.DataType' },
        {},
        ...found.map((symbol) => ({ file_containing_symbol: symbol })),
      );
      const codes = answers.map((answer) => answer.error_response?.error_code ?? Status.OK);
      const { OK, NOT_FOUND, INVALID_ARGUMENT } = Status;
      assert.deepEqual(codes, [
        OK,
        NOT_FOUND,
        NOT_FOUND,
        NOT_FOUND,
        OK,
        NOT_FOUND,
        INVALID_ARGUMENT,
        ...found.map(() => OK),
      ]);
      assert.equal(answers[4].all_extension_numbers_response.base_type_name, 'tensorflow.TensorProto');
    },
  );
});

test('garbage ends the stream with INVALID_ARGUMENT; a drain ends an idle stream with OK', async () => {
  await withReflection(
    () => undefined,
    async (server) => {
      const session = openSession(server.address);
      const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
      assert.equal((await rawCall(session, path, frame(Uint8Array.of(0xff)))).grpcStatus, Status.INVALID_ARGUMENT);
      session.destroy();
      const call = server.client('grpc.reflection.v1.ServerReflection').ServerReflectionInfo();
      call.write({ list_services: '' });
      const answers = call[Symbol.asyncIterator]();
      await answers.next();
      const ended = answers.next();
      await server.server.drain();
      assert.equal((await ended).done, true);
    },
  );
});
