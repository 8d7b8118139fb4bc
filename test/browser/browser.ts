/** One Chromium for a test file, and pages that fail their test when something goes wrong in them. */
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, type TestContext } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--no-proxy-server',
];

let launched: Promise<Browser> | undefined;

after(async () => {
  await (await launched)?.close();
});

export interface PageOptions {
  readonly width?: number;
  readonly scheme?: 'light' | 'dark';
  /** Certificates that nobody has signed are taken. Default: they are not. */
  readonly isCertificateTaken?: boolean;
  /** What the browser may complain of, such as an answer that the test wants to fail. */
  readonly allowed?: RegExp;
}

/** A page of its own, closed after the test; errors, refused resources and breaches of the policy fail the test. */
export async function openPage(t: TestContext, url: string, options: PageOptions = {}): Promise<Page> {
  const { width = 1440, scheme = 'light', allowed, isCertificateTaken: ignoreHTTPSErrors = false } = options;
  launched ??= chromium.launch({
    executablePath: process.env['PILLION_TEST_CHROMIUM'] ?? '/usr/bin/chromium',
    args: ARGUMENTS,
  });
  const browser = await launched;
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: scheme,
    ignoreHTTPSErrors,
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  t.after(async () => {
    await context.close();
    const left = complaints.filter((text) => allowed === undefined || !allowed.test(text));
    assert.deepEqual(left, []);
  });
  await page.goto(url);
  return page;
}

/** Pixels by which the page is wider than its window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
}
