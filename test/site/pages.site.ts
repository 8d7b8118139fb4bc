/** The site that `npm run site` has built, as a reader has it: every page of the index, every link, the search. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Browser, chromium } from 'playwright-core';

const SITE = 'site/dist';
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html',
  js: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
  png: 'image/png',
  json: 'application/json',
};

/** The file that a server of files answers a path with; undefined if there is none. */
function fileAt(path: string): string | undefined {
  const file = join(SITE, decodeURIComponent(path));
  return [file, `${file}.html`, join(file, 'index.html')].find((each) => existsSync(each) && statSync(each).isFile());
}

describe('the site', () => {
  let browser: Browser;
  const asked: string[] = [];
  const missing: string[] = [];
  const server = createServer(({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    const file = fileAt(pathname);
    if (file === undefined) missing.push(pathname);
    response.statusCode = file === undefined ? 404 : 200;
    if (file !== undefined)
      response.setHeader('content-type', TYPES[file.split('.').pop()!] ?? 'application/octet-stream');
    response.end(file === undefined ? '' : readFileSync(file));
  });
  const address = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    browser = await chromium.launch({
      executablePath: process.env['PILLION_TEST_CHROMIUM'] ?? '/usr/bin/chromium',
      args: ['--no-sandbox'],
    });
  });
  after(async () => {
    await browser.close();
    server.close();
  });

  it('has a page for each of the index, and no link that leads nowhere', () => {
    const pages = readdirSync(SITE, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.html'));
    const index = readFileSync('docs/README.md', 'utf8').matchAll(/\]\(([^)#\s:]+\.md)/g);
    for (const [, path] of index) {
      const place = join('docs', path!).replace(/(README)?\.md$/, (_, readme) => (readme === undefined ? '' : 'index'));
      assert.ok(pages.includes(`${place}.html`), path);
    }
    const dead: string[] = [];
    for (const page of pages) {
      for (const [, link] of readFileSync(join(SITE, page), 'utf8').matchAll(/<a [^>]*href="(\/[^"#?]*)/g)) {
        if (fileAt(link!) === undefined) dead.push(`${page}: ${link}`);
      }
    }
    assert.deepEqual(dead, []);
  });

  for (const [width, colorScheme] of [
    [1440, 'light'],
    [390, 'dark'],
  ] as const) {
    it(`finds a word, asks no other host and fits ${width} pixels`, async () => {
      const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
      page.on('request', (request) => asked.push(new URL(request.url()).origin));
      await page.goto(`${address()}/docs/reference/configuration`);
      assert.match((await page.locator('h1').first().textContent()) ?? '', /Configuration/);
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width);
      // The key works once the page's script runs.
      await page.waitForLoadState('networkidle');
      await page.keyboard.press('Control+k');
      await page.locator('input').first().fill('rest_api_port');
      await page.locator('li a', { hasText: 'rest_api_port' }).first().waitFor();
      await page.close();
      assert.deepEqual(missing, []);
      assert.deepEqual(
        asked.filter((origin) => origin !== address() && origin !== 'null'),
        [],
      );
    });
  }
});
