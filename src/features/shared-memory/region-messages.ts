/**
 * The messages of the system shared memory extension (grpc_service.proto):
 *
 *   SystemSharedMemoryRegisterRequest      1 name, 2 key, 3 offset, 4 byte_size
 *   SystemSharedMemoryStatusResponse       1 regions map<string, {1 name, 2 key, 3 offset, 4 byte_size}>
 *   …StatusRequest, …UnregisterRequest     1 name; empty = all
 */
import { lengthDelimited, varintTag, WireReader } from '../../codec/protobuf/wire-reader.ts';
import { bytesField, mapField, message, varintField } from '../../codec/protobuf/wire-writer.ts';

export interface RegionFields {
  readonly name: string;
  readonly key: string;
  /** A number above 2^53 is not exact: no file is so large. */
  readonly offset: number;
  readonly byteSize: number;
}

/** Throws ServingError. */
export function readRegion(bytes: Uint8Array): RegionFields {
  const reader = new WireReader(bytes, 'SystemSharedMemoryRegisterRequest');
  let name = '';
  let key = '';
  let offset = 0n;
  let byteSize = 0n;
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) name = reader.string();
    else if (reader.tag === lengthDelimited(2)) key = reader.string();
    else if (reader.tag === varintTag(3)) offset = reader.int64();
    else if (reader.tag === varintTag(4)) byteSize = reader.int64();
    else reader.skip();
  }
  return { name, key, offset: unsigned(offset), byteSize: unsigned(byteSize) };
}

/** `what` is the message's name. Throws ServingError. */
export function readRegionName(bytes: Uint8Array, what: string): string {
  const reader = new WireReader(bytes, what);
  let name = '';
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) name = reader.string();
    else reader.skip();
  }
  return name;
}

export function regionStatusResponse(regions: readonly RegionFields[]): Uint8Array {
  const entries = regions.map(({ name, key, offset, byteSize }) => {
    const status = [bytesField(1, name), bytesField(2, key), varintField(3, offset), varintField(4, byteSize)];
    return mapField(1, name, message(...status));
  });
  return message(...entries);
}

function unsigned(value: bigint): number {
  return Number(BigInt.asUintN(64, value));
}
