/** `pillion predict` against a real server: every form of data by every protocol, and errors as the server says them. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { killSidecars, makingCode, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const MODELS = ['--model=columns=test/fixtures/exports/columns', '--model=digits=examples/digits/models/digits'];
const CUSTOMERS = 'age,visits,city\n33,4,Oslo\n51.5,9007199254740993,"Rome, Italy"\n';

let sidecar: Sidecar;
before(async () => {
  sidecar = await startSidecar(MODELS);
});
after(killSidecars);

async function predict(protocol: string, ...args: readonly string[]): Promise<{ status: unknown; text: string }> {
  const server = protocol === 'grpc' ? sidecar.grpc : sidecar.rest;
  const child = runPillion(['predict', `--protocol=${protocol}`, `--server=${server}`, ...args], {}, makingCode);
  const status = await child.exited;
  return { status, text: child.output() };
}

function written(t: TestContext, name: string, content: string | Uint8Array): string {
  const path = join(tempDirectory(t), name);
  writeFileSync(path, content);
  return path;
}

/** A .npy of format 1. */
function npy(values: Float32Array, shape: string): Buffer {
  const head = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117).concat('\n');
  const length = Buffer.alloc(2);
  length.writeUInt16LE(head.length);
  const magic = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0]);
  return Buffer.concat([magic, length, Buffer.from(head, 'latin1'), new Uint8Array(values.buffer)]);
}

describe('pillion predict', () => {
  it('sends CSV by its names of columns, and shows the same table by every protocol', async (t) => {
    const file = written(t, 'customers.csv', CUSTOMERS);
    const lines = new Set<string>();
    for (const protocol of ['rest', 'v2', 'grpc']) {
      const { status, text } = await predict(protocol, 'columns', file);
      assert.equal(status, 0, text);
      assert.match(text, /output_label +output_probability|output_probability +output_label/);
      const rows = text
        .split('\n')
        .slice(1)
        .map((line) => line.split(/ {2,}/).sort().join(' | '));
      assert.equal(rows.length, 2, text);
      lines.add(rows.join('\n'));
    }
    assert.equal(lines.size, 1, [...lines].join('\n\n'));
  });

  it('sends arrays of NumPy, rows in JSON, one row as an object, and bodies of the REST API', async (t) => {
    const scan = Float32Array.from({ length: 128 }, (_, i) => i % 16);
    const file = written(t, 'scans.npy', npy(scan, '2, 64'));
    const { text: ofArray, status } = await predict('rest', 'digits', file);
    assert.deepEqual([status, ofArray.split('\n').length], [0, 3], ofArray);
    for (const protocol of ['v2', 'grpc']) assert.equal((await predict(protocol, 'digits', file)).status, 0);
    const row = JSON.stringify([...scan.subarray(0, 64)]);
    for (const data of [`[${row}]`, `{"pixels": ${row}}`, `{"inputs": [${row}]}`]) {
      const { text } = await predict('rest', 'digits', data);
      assert.deepEqual(text.split('\n')[1], ofArray.split('\n')[1], data);
    }
    const { text } = await predict('grpc', 'digits', `[${row}]`, '--json');
    const { outputs } = JSON.parse(text) as { outputs: { digit: number[]; probabilities: number[][] } };
    assert.equal(outputs.probabilities[0]!.length, 10);
  });

  it('tells the server’s error in its own words, and ends with 1', async () => {
    const bad = '{"age": ["x"], "visits": [4], "city": ["Oslo"]}';
    const rest = await predict('rest', 'columns', bad);
    assert.deepEqual(rest.status, 1);
    assert.match(rest.text, /^pillion: 400: instances\[0\]\.age\[0\] is a string, but input "age" wants float32/);
    const grpc = await predict('grpc', 'nobody', '[1]');
    assert.equal(grpc.status, 1);
    assert.match(grpc.text, /^pillion: NOT_FOUND: no model "nobody" is served here/);
    const late = await predict('rest', 'columns', '{"age":[1],"visits":[4],"city":["x"]}', '--deadline=0.001ms');
    assert.match(late.text, /^pillion: (504|no answer)/);
    const several = await predict('rest', '[[1]]');
    assert.match(several.text, /which model\? the server has columns, digits/);
    const nobody = runPillion(['predict', '--server=127.0.0.1:1', 'm', '[1]']);
    assert.equal(await nobody.exited, 1);
    assert.match(nobody.output(), /no answer from 127\.0\.0\.1:1: connect ECONNREFUSED/);
  });

  it('says what is wrong with data before it is sent, and ends with 64', async (t) => {
    const cases: readonly (readonly [data: string, text: RegExp])[] = [
      [written(t, 'a.csv', 'age,visits\n1,2\n'), /names "age", "visits"; the inputs are "age", "visits", "city"/],
      [written(t, 'b.csv', 'age,visits,city\nold,2,Oslo\n'), /b\.csv, row 1, column "age": "old" is no float32/],
      [written(t, 'c.csv', 'age,visits,city\n1,2.5,Oslo\n'), /row 1, column "visits": "2\.5" is no int64/],
      [written(t, 'd.csv', 'age,visits,city\n1,2\n'), /d\.csv: /],
      [
        written(t, 'e.npy', npy(Float32Array.of(1), '2, 64')),
        /the inputs "age", "visits", "city", and an array is one/,
      ],
      [written(t, 'f.json', '{"age": 1'), /f\.json is no JSON: /],
      [written(t, 'g.csv', ''), /g\.csv is empty/],
      [written(t, 'h.csv', 'age,visits,city\n1e400,2,Oslo\n'), /column "age": "1e400" is no float32/],
      [
        written(t, 'i.csv', Buffer.from('age,visits,city\n1,2,Troms\xf8\n', 'latin1')),
        /i\.csv is no UTF-8; save it as UTF-8/,
      ],
      ['no-such-file.csv', /no-such-file\.csv: there is no such file/],
      ['', /the data is empty; give a file, JSON or a text/],
    ];
    for (const [data, text] of cases) {
      const answer = await predict('rest', 'columns', data);
      assert.match(answer.text, text);
      assert.equal(answer.status, 64, answer.text);
    }
    const word = await predict('rest', 'digits', 'digitz');
    assert.match(
      word.text,
      /^pillion: "digitz", which names no file, is text, but input "pixels" is float32; give JSON/,
    );
    const short = await predict('rest', 'digits', written(t, 'h.npy', npy(Float32Array.of(1), '2, 64')));
    assert.match(short.text, /it has 4 bytes of elements, and its shape wants 512/);
    const none = await predict('rest', 'digits', written(t, 'none.npy', npy(Float32Array.of(), '1000000000, 0')));
    assert.match(none.text, /none\.npy: it holds no element/);
    const marked = written(t, 'j.json', '\ufeff[{"age": [33], "visits": [4], "city": ["Oslo"]}]');
    assert.equal((await predict('rest', 'columns', marked)).status, 0);
    const picture = await predict('rest', 'digits', written(t, 'i.png', Buffer.from([0x89, 0x50, 0x4e, 0x47])));
    assert.match(picture.text, /of files of bytes only JPEG and PNG are decoded/);
  });

  it('reaches Unix sockets, and says who is calling by a file or a variable', async (t) => {
    const folder = tempDirectory(t);
    const socket = join(folder, 'rest.sock');
    const grpcSocket = join(folder, 'grpc.sock');
    const other = await startSidecar([MODELS[0]!, `--rest_socket_path=${socket}`, `--grpc_socket_path=${grpcSocket}`]);
    const row = '{"age":[33],"visits":[4],"city":["Oslo"]}';
    const token = written(t, 'token', 'secret-of-the-caller\n');
    for (const [protocol, path] of [
      ['rest', socket],
      ['v2', socket],
      ['grpc', grpcSocket],
    ] as const) {
      const args = ['predict', 'columns', row, `--protocol=${protocol}`, `--server=unix:${path}`];
      const child = runPillion([...args, `--token_file=${token}`], {}, makingCode);
      assert.equal(await child.exited, 0, child.output());
    }
    const empty = runPillion(['predict', 'columns', row, '--token_env=NO_TOKEN', `--server=unix:${socket}`]);
    assert.equal(await empty.exited, 1);
    assert.match(empty.output(), /the variable NO_TOKEN holds no token/);
    assert.equal(await other.stop(), 0);
  });
});
