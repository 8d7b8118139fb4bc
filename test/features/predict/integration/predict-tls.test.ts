/** `pillion predict` against servers of TLS and of mutual TLS, over each protocol: what works, and what is said of the rest. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type KeyAndCert, selfSigned } from '../../../support/self-signed.ts';
import { killSidecars, makingCode, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';

const MODEL = '--model=half=examples/half_plus_two/models/half_plus_two';
const AUTHORITY = selfSigned('authority');
const folder = mkdtempSync(join(tmpdir(), 'pillion-predict-tls-'));

/** The options that name the files of a pair: `tls_` or nothing before their names. */
function files(name: string, { key, cert }: KeyAndCert, prefix = ''): readonly string[] {
  writeFileSync(join(folder, `${name}.crt`), cert);
  writeFileSync(join(folder, `${name}.key`), key);
  return [`--${prefix}cert_file=${join(folder, `${name}.crt`)}`, `--${prefix}key_file=${join(folder, `${name}.key`)}`];
}

let plain: Sidecar;
let tls: Sidecar;
let mutual: Sidecar;
const own = selfSigned('localhost', { dns: ['localhost'] });
const client = files('client', selfSigned('client', { authority: AUTHORITY, dns: ['client'] }));
const stranger = files('stranger', selfSigned('stranger'));
const caFile = join(folder, 'authority.crt');
before(async () => {
  writeFileSync(caFile, AUTHORITY.cert);
  const signed = files('server', selfSigned('server', { authority: AUTHORITY, dns: ['localhost'] }), 'tls_');
  [plain, tls, mutual] = await Promise.all([
    startSidecar([MODEL]),
    startSidecar([MODEL, ...files('own', own, 'tls_')]),
    startSidecar([MODEL, ...signed, `--tls_client_ca_file=${caFile}`]),
  ]);
});
after(() => {
  killSidecars();
  rmSync(folder, { recursive: true });
});

/** `address`: as the log names it. */
async function ask(protocol: string, address: string, scheme: string, ...args: readonly string[]) {
  const port = address.slice(address.lastIndexOf(':') + 1);
  const server = `--server=${scheme}localhost:${port}`;
  const child = runPillion(['predict', 'half', '[1]', `--protocol=${protocol}`, server, ...args], {}, makingCode);
  return { status: await child.exited, text: child.output() };
}

for (const protocol of ['rest', 'v2', 'grpc']) {
  const at = (server: Sidecar): string => (protocol === 'grpc' ? server.grpc : server.rest);

  describe(`pillion predict --protocol=${protocol}`, () => {
    it('asks over TLS by the authority that it is given, and by its own certificate', async () => {
      const byItself = await ask(protocol, at(tls), 'https://', `--ca_file=${join(folder, 'own.crt')}`);
      assert.deepEqual(byItself.status, 0, byItself.text);
      assert.match(byItself.text, /2\.5/);
      assert.doesNotMatch(byItself.text, /Warning/);
      const both = await ask(protocol, at(mutual), 'https://', `--ca_file=${caFile}`, ...client);
      assert.deepEqual(both.status, 0, both.text);
    });

    it('says what to do where the two ends do not agree', async () => {
      const ca = `--ca_file=${caFile}`;
      const cases: readonly (readonly [Sidecar, scheme: string, args: readonly string[], text: RegExp])[] = [
        [tls, 'https://', [], /self-signed certificate: no authority .* by --ca_file/],
        [tls, 'http://', [], /no answer from http:.*if it speaks TLS, write https:\/\/HOST:PORT/],
        [plain, 'https://', [], /it may not speak TLS there; if so, leave out https:/],
        [mutual, 'https://', [ca], /certificate required: .*give --cert_file and --key_file/],
        [mutual, 'https://', [ca, ...stranger], /trust the authority of --cert_file/],
        [mutual, 'https://', [ca, client[0]!], /--cert_file and --key_file go together/],
        [mutual, 'https://', [ca, client[0]!, stranger[1]!], /are no certificate and its key/],
        [mutual, '', [ca], /is not asked by TLS; write https:/],
      ];
      for (const [server, scheme, args, text] of cases) {
        const asked = await ask(protocol, at(server), scheme, ...args);
        assert.match(asked.text, text);
        assert.equal(asked.text.trimEnd().split('\n').length, 1, asked.text);
        assert.equal(asked.status, 1);
      }
    });
  });
}
