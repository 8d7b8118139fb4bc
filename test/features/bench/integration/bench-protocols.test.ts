/** `pillion bench` against real servers over gRPC and the Open Inference Protocol, with the data that REST has. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { killSidecars, makingCode, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

interface Figures {
  readonly servers: readonly {
    readonly url: string;
    readonly sent: number;
    readonly answered: number;
    readonly errors: Readonly<Record<string, number>>;
  }[];
}

let sidecar: Sidecar;
before(async () => {
  sidecar = await startSidecar(['--model=columns=test/fixtures/exports/columns']);
});
after(killSidecars);

async function bench(...args: readonly string[]): Promise<{ readonly status: unknown; readonly text: string }> {
  const quick = ['--rate=40', '--seconds=1', '--turn=1', '--warm_up=0', '--arrivals=constant', '--json'];
  const child = runPillion(['bench', ...quick, ...args], {}, makingCode);
  return { status: await child.exited, text: child.output() };
}

function dataOf(t: TestContext, name: string, content: string): string {
  const path = join(tempDirectory(t), name);
  writeFileSync(path, content);
  return `--data=${path}`;
}

const ROW = '{"instances":[{"age":[33],"visits":[4],"city":["Oslo"]}]}';

describe('pillion bench', () => {
  it('sends one request over REST, gRPC and the Open Inference Protocol, two side by side', async (t) => {
    const rest = `${sidecar.rest}/v1/models/columns:predict`;
    const infer = `${sidecar.rest}/v2/models/columns/infer`;
    const grpc = `grpc://${sidecar.grpc}/columns`;
    const data = dataOf(t, 'request.json', ROW);
    for (const pair of [
      [rest, grpc],
      [infer, `${grpc}/versions/1`],
    ]) {
      const { status, text } = await bench(...pair, data);
      assert.equal(status, 0, text);
      const { servers } = JSON.parse(text) as Figures;
      assert.deepEqual(
        servers.map(({ url }) => url),
        pair,
      );
      for (const { sent, answered, errors } of servers) {
        assert.deepEqual(errors, {}, text);
        assert.equal(sent, answered);
        assert.ok(sent >= 35, text);
      }
    }
  });

  it('sends over gRPC what pillion predict takes, and counts refusals by their status', async (t) => {
    const csv = dataOf(t, 'rows.csv', 'age,visits,city\n33,4,Oslo\n');
    const fine = await bench(`grpc://${sidecar.grpc}/columns`, csv);
    assert.equal(fine.status, 0, fine.text);
    // The deadline is so short that the server, or the client, says that it has passed.
    const late = await bench(`grpc://${sidecar.grpc}/columns`, csv, '--deadline=1ms', '--rate=20');
    const [server] = (JSON.parse(late.text) as Figures).servers;
    const kinds = Object.keys(server!.errors);
    assert.ok(
      kinds.every((kind) => ['no answer in time', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED'].includes(kind)),
      late.text,
    );
  });

  it('says at once what cannot be sent, and where', async (t) => {
    const data = dataOf(t, 'request.json', ROW);
    const grpc = `grpc://${sidecar.grpc}`;
    const cases: readonly (readonly [args: readonly string[], status: number, text: RegExp])[] = [
      [[`${grpc}/nobody`, data], 1, /NOT_FOUND: no model "nobody" is served here/],
      [[`${grpc}/columns`, data, '--signature=other'], 1, /has no signature "other"/],
      [
        ['grpc://127.0.0.1:1/columns', data],
        1,
        /no answer from grpc:\/\/127\.0\.0\.1:1\/columns: connect ECONNREFUSED/,
      ],
      [[`${sidecar.rest}/v2/models/nobody/infer`, data], 1, /404: .*"nobody"/],
      [[grpc, data], 64, /wants grpc:\/\/HOST:PORT\/MODEL/],
      [[`${grpc}/columns/2`, data], 64, /wants grpc:\/\/HOST:PORT\/MODEL/],
      [[`${grpc}/columns`], 64, /wants --data/],
      [[`grpc+unix:/run/x`, data], 64, /wants http:\/\/, https:\/\/, grpc:\/\/ or grpcs:\/\//],
    ];
    for (const [args, status, text] of cases) {
      const asked = await bench(...args);
      assert.match(asked.text, text);
      assert.equal(asked.status, status, asked.text);
    }
  });
});
