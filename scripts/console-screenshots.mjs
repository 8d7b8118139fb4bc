/**
 * node scripts/console-screenshots.mjs: the pictures of src/features/console/README.md, of a sidecar under some minutes
 * of traffic. Needs what npm test -- browser needs, and Debian's pngquant.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { ensureBuilt, root, run, say } from './lib/setup.mjs';

const TRAFFIC_MS = 175_000;
const PICTURES = [
  { name: 'overview', hash: '#/', width: 1440, scheme: 'light' },
  { name: 'model', hash: '#/models/digits', width: 1440, scheme: 'light' },
  { name: 'model-narrow', hash: '#/models/digits', width: 390, scheme: 'dark' },
  { name: 'requests', hash: '#/requests', width: 1440, scheme: 'light', height: 820 },
  { name: 'request', hash: '#/requests?outcome=ok', width: 1440, scheme: 'dark', act: openRequest },
  { name: 'playground', hash: '#/playground/digits', width: 1440, scheme: 'light', act: askModel },
  { name: 'classify', hash: '#/playground/digits', width: 1440, scheme: 'light', act: askClassify },
];

ensureBuilt();
const { chromium } = await import('playwright-core');
const { startSidecar } = await import('./demo/sidecar-process.mjs');
const scans = JSON.parse(readFileSync(join(root, 'examples', 'digits', 'scans.json'), 'utf8'));

async function openRequest(page) {
  await page.locator('a.row-link').nth(5).click();
}

async function askModel(page) {
  await page.getByLabel('Begin with').selectOption({ label: 'a 6 (scans/03.png)' });
  await page.getByRole('button', { name: 'Ask the model' }).click();
}

async function askClassify(page) {
  await page.getByLabel('Signature').selectOption('classify');
  await askModel(page);
}

/** More and less, in waves; some of it wrong. */
async function drive(rest, until) {
  const ask = (instances) =>
    fetch(`${rest}/v1/models/digits:predict`, { method: 'POST', body: JSON.stringify({ instances }) })
      .then((answer) => answer.arrayBuffer())
      .catch(() => undefined);
  for (let turn = 0; Date.now() < until; turn++) {
    const requests = 4 + Math.round(3 * Math.sin(turn / 60));
    for (let i = 0; i < requests; i++) {
      const rows = (turn + i) % 5 === 0 ? 1 + (turn % 16) : 1;
      void ask(Array.from({ length: rows }, (_, row) => scans[(turn + row) % scans.length].pixels));
    }
    if (turn % 40 === 0) void ask([[1, 2]]);
    await setTimeout(60);
  }
}

async function picture(browser, admin, { name, hash, width, scheme, height, act }) {
  const context = await browser.newContext({ viewport: { width, height: height ?? 900 }, colorScheme: scheme });
  const page = await context.newPage();
  await page.goto(`${admin}/${hash}`);
  await setTimeout(2000);
  await act?.(page);
  await setTimeout(1000);
  const path = join(root, 'src', 'features', 'console', 'pictures', `${name}.png`);
  await page.screenshot({ path, fullPage: height === undefined });
  // A page has few colours: a palette halves the file.
  run('pngquant', ['--force', '--nofs', '--strip', '--output', path, '64', path]);
  await context.close();
}

const sidecar = await startSidecar([
  ...['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1', '--log_level=info'],
  '--model=digits=examples/digits/models/digits,slo_ms=50,label.stable=1',
  '--model=half_plus_two=examples/half_plus_two/models/half_plus_two',
]);
const rest = `http://${sidecar.addresses.rest[0]}`;
const admin = `http://${sidecar.addresses.admin}`;
const browser = await chromium.launch({
  executablePath: process.env['PILLION_TEST_CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-proxy-server'],
});
try {
  say(`Traffic for ${TRAFFIC_MS / 1000} s, then pictures`);
  const watching = await browser.newPage();
  await watching.goto(admin);
  const traffic = drive(rest, Date.now() + TRAFFIC_MS + 60_000);
  await setTimeout(TRAFFIC_MS);
  for (const each of PICTURES) await picture(browser, admin, each);
  void traffic;
} finally {
  await browser.close();
  await sidecar.stop();
}
process.exit(0);
