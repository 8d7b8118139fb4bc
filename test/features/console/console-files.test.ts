import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { ConsoleFiles } from '../../../src/features/console/console-files.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

/** A file of the build. */
const BUILT = fileURLToPath(new URL('../../../src/features/console/page', import.meta.url));
const MOST_ZIPPED_BYTES = 250 * 1024;

async function serve(
  t: TestContext,
  files: ConsoleFiles,
): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const server = createServer((request, response) => {
    void files.answer(request.url!, request, response).then((isAnswered) => {
      if (!isAnswered) response.writeHead(404).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init);
}

describe('the console’s files', () => {
  it('are at most 250 KiB as they are sent, and hold what the page names', () => {
    const names = readdirSync(BUILT);
    const zipped = names.filter((name) => name.endsWith('.gz'));
    const size = zipped.reduce((sum, name) => sum + readFileSync(join(BUILT, name)).length, 0);
    assert.ok(size > 10_000 && size <= MOST_ZIPPED_BYTES, `${size} bytes`);
    const page = readFileSync(join(BUILT, 'index.html'), 'utf8');
    const named = [...page.matchAll(/(?:src|href)="\/([^"]+)"/g)].map(([, name]) => name!);
    assert.equal(named.length, 3);
    for (const name of named) assert.ok(names.includes(name), name);
    assert.doesNotMatch(page, /<script>|<style>|style=|onclick|https?:/, 'nothing inline, nothing from elsewhere');
  });

  it('are served under a strict policy; the page is asked for anew, what it names is kept for good', async (t) => {
    const get = await serve(t, new ConsoleFiles());
    const page = await get('/');
    const policy = page.headers.get('content-security-policy')!;
    assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self';/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*/);
    assert.equal(page.headers.get('cache-control'), 'no-cache');
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
    const script = /src="([^"]+)"/.exec(await page.text())![1]!;
    const answer = await get(script);
    assert.equal(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable');
    assert.equal(answer.headers.get('content-type'), 'text/javascript; charset=utf-8');
    assert.equal(answer.headers.get('content-encoding'), 'gzip');
    const plain = await get(script, { headers: { 'accept-encoding': 'identity' } });
    assert.equal(plain.headers.get('content-encoding'), null);
    assert.equal(await plain.text(), gunzipSync(readFileSync(join(BUILT, `${script}.gz`))).toString());
    const head = await get('/', { method: 'HEAD' });
    assert.deepEqual([head.status, await head.text()], [200, '']);
  });

  it('are none but those of the build', async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'secret.js'), 'no');
    const get = await serve(t, new ConsoleFiles(pathToFileURL(`${directory}/inner/`)));
    for (const path of ['/../secret.js', '/..%2fsecret.js', '/%2e%2e/secret.js', '/.hidden.js', '/no.js', '/x.map']) {
      assert.equal((await get(path)).status, 404, path);
    }
    const missing = await get('/');
    assert.equal(missing.status, 503);
    assert.match(await missing.text(), /was not built .*npm run build/);
  });
});
