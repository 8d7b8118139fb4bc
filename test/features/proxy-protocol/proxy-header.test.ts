import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { SocketAddress } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MAX_V1_BYTES, MAX_V2_LENGTH, readProxyHeader } from '../../../src/features/proxy-protocol/proxy-header.ts';
import { headerV2 } from '../../support/proxy-headers.ts';

const port = fc.integer({ min: 0, max: 65_535 });
const rest = fc.uint8Array({ maxLength: 50 });

interface Sent {
  readonly header: Buffer;
  readonly client: { readonly address: string; readonly port: number } | undefined;
}

const shortest = (address: string): string =>
  address.includes(':') ? new SocketAddress({ address, family: 'ipv6' }).address : address;

const v1: fc.Arbitrary<Sent> = fc
  .oneof(
    fc.tuple(fc.constant('TCP4'), fc.ipV4(), fc.ipV4(), port, port),
    fc.tuple(fc.constant('TCP6'), fc.ipV6(), fc.ipV6(), port, port),
  )
  .map(([family, source, destination, from, to]) => ({
    header: Buffer.from(`PROXY ${family} ${source} ${destination} ${from} ${to}\r\n`),
    client: { address: shortest(source), port: from },
  }))
  .filter(({ header }) => header.length <= MAX_V1_BYTES);

const v1Unknown: fc.Arbitrary<Sent> = fc
  .stringMatching(/^(?: [!-~ ]{0,80})?$/)
  .map((text) => ({ header: Buffer.from(`PROXY UNKNOWN${text}\r\n`), client: undefined }));

const addresses = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const tlvs = fc.uint8Array({ maxLength: MAX_V2_LENGTH - 216 });

const v2: fc.Arbitrary<Sent> = fc.oneof(
  fc.tuple(addresses(12), tlvs).map(([ips, more]) => ({
    header: headerV2(0x21, 0x11, ips, more),
    client: { address: ips.subarray(0, 4).join('.'), port: Buffer.from(ips).readUInt16BE(8) },
  })),
  fc.tuple(addresses(36), tlvs).map(([ips, more]) => {
    const groups = Array.from({ length: 8 }, (_, i) => Buffer.from(ips).toString('hex', 2 * i, 2 * i + 2));
    const client = { address: shortest(groups.join(':')), port: Buffer.from(ips).readUInt16BE(32) };
    return { header: headerV2(0x21, 0x21, ips, more), client };
  }),
  fc
    .tuple(fc.constantFrom(0x00, 0x11, 0x21, 0x31, 0x41, 0x13, 0xff), tlvs)
    .map(([protocol, any]) => ({ header: headerV2(0x20, protocol, any), client: undefined })),
  fc
    .tuple(fc.constantFrom(0x00, 0x31, 0x32, 0x12, 0x22), addresses(216), tlvs)
    .map(([protocol, ips, more]) => ({ header: headerV2(0x21, protocol, ips, more), client: undefined })),
);

const sent = fc.oneof(v1, v1Unknown, v2);

describe('the header of the PROXY protocol', () => {
  it('is read whatever follows it, and more is wanted at each byte before its end', () => {
    fc.assert(
      fc.property(sent, rest, ({ header, client }, after) => {
        assert.deepEqual(readProxyHeader(Buffer.concat([header, after])), { client, bytes: header.length });
        const step = Math.max(1, Math.floor(header.length / 120));
        for (let cut = 0; cut < header.length; cut += step) {
          assert.equal(readProxyHeader(header.subarray(0, cut)), undefined);
        }
        assert.equal(readProxyHeader(header.subarray(0, header.length - 1)), undefined);
      }),
    );
  });

  it('with a byte changed is read, refused or wanted to be longer, and never throws', () => {
    fc.assert(
      fc.property(sent, fc.nat(), fc.integer({ min: 0, max: 255 }), ({ header }, at, byte) => {
        const changed = Buffer.from(header);
        changed[at % Math.min(changed.length, 60)] = byte;
        const read = readProxyHeader(changed);
        if (typeof read === 'object') assert.ok(read.bytes <= changed.length);
      }),
      { numRuns: 2000 },
    );
  });

  it('is absent from other bytes by the first that does not fit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
        fc.pre(bytes[0] !== 0x50 && bytes[0] !== 0x0d);
        assert.equal(readProxyHeader(Buffer.from(bytes)), 'absent');
      }),
    );
    for (const text of ['POST / HTTP/1.1\r\n', 'PRI * HTTP/2.0\r\n', 'PROXZ', '\r\nGET', '\r\n\r\n\0\r\nQUIX']) {
      assert.equal(readProxyHeader(Buffer.from(text)), 'absent', text);
    }
  });

  it('has a bound', () => {
    const line = (length: number): Buffer => Buffer.from(`PROXY UNKNOWN ${'x'.repeat(length - 16)}\r\n`);
    assert.deepEqual(readProxyHeader(line(MAX_V1_BYTES)), { client: undefined, bytes: MAX_V1_BYTES });
    assert.equal(readProxyHeader(line(MAX_V1_BYTES + 1)), 'too_long');
    assert.equal(readProxyHeader(line(MAX_V1_BYTES + 1).subarray(0, MAX_V1_BYTES)), 'too_long');
    assert.equal(readProxyHeader(headerV2(0x20, 0, Buffer.alloc(MAX_V2_LENGTH + 1)).subarray(0, 16)), 'too_long');
  });

  it('is malformed where it says what cannot be', () => {
    const lines = [
      'PROXY TCP4 192.0.2.7 192.0.2.1 1 65536',
      'PROXY TCP4 192.0.2.7 192.0.2.1 01 2',
      'PROXY TCP4 192.0.2.7 192.0.2.1 1',
      'PROXY TCP4 192.0.2.007 192.0.2.1 1 2',
      'PROXY TCP4 ::1 ::1 1 2',
      'PROXY TCP6 fe80::1%eth0 ::1 1 2',
      'PROXY TCP6 192.0.2.7 192.0.2.1 1 2',
      'PROXY TCP5 192.0.2.7 192.0.2.1 1 2',
      'PROXY  TCP4 192.0.2.7 192.0.2.1 1 2',
      'PROXY UNKNOWNX',
      'PROXY tcp4 192.0.2.7 192.0.2.1 1 2',
      'PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n',
    ];
    for (const line of lines) assert.equal(readProxyHeader(Buffer.from(`${line}\r\n`)), 'malformed', line);
    const ips = Buffer.alloc(216);
    for (const [command, protocol] of [
      [0x11, 0x11],
      [0x22, 0x11],
      [0x21, 0x41],
      [0x21, 0x13],
    ] as const) {
      assert.equal(readProxyHeader(headerV2(command, protocol, ips)), 'malformed');
    }
    assert.equal(readProxyHeader(headerV2(0x21, 0x21, Buffer.alloc(35))), 'malformed');
    assert.equal(readProxyHeader(headerV2(0x21, 0x31, Buffer.alloc(215))), 'malformed');
  });
});
