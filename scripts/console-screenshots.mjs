/**
 * node scripts/console-screenshots.mjs: the pictures of src/features/console/README.md, of a sidecar under some minutes
 * of traffic. Needs what npm test -- browser needs, and Debian's pngquant.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
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
  { name: 'application', hash: '#/reports/application', width: 1440, scheme: 'light', height: 420 },
  { name: 'ensemble', hash: '#/models/twice', width: 1440, scheme: 'light', act: scrollToEnsemble, height: 640 },
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

async function scrollToEnsemble(page) {
  await page.getByRole('region', { name: 'Ensemble' }).evaluate((section) => section.scrollIntoView());
  // The bar stays above it.
  await page.mouse.wheel(0, -64);
}

/** An application that fails now and then. */
const application = createServer((request, response) => {
  request.resume();
  response.statusCode = request.url === '/pay' && Math.random() < 0.1 ? 503 : 200;
  globalThis.setTimeout(() => response.end('done'), request.url === '/pay' ? 40 : 4);
});
await new Promise((resolve) => application.listen(0, '127.0.0.1', resolve));

const HALF = 'examples/half_plus_two/models/half_plus_two';
const ensembles = mkdtempSync(join(tmpdir(), 'pillion-pictures-'));
mkdirSync(join(ensembles, '1'));
writeFileSync(
  join(ensembles, '1', 'pillion.yaml'),
  `ensemble:
  outputs: [sum, other]
  steps:
    - { model: half, inputs: { x: x }, outputs: { y: first } }
    - { model: again, inputs: { x: first }, outputs: { y: sum } }
    - { model: half_plus_two, inputs: { x: x }, outputs: { y: other } }
`,
);

/** More and less, in waves; some of it wrong. */
async function drive(rest, until) {
  const send = (url, init) =>
    fetch(url, init)
      .then((answer) => answer.arrayBuffer())
      .catch(() => undefined);
  const ask = (instances) =>
    send(`${rest}/v1/models/digits:predict`, { method: 'POST', body: JSON.stringify({ instances }) });
  for (let turn = 0; Date.now() < until; turn++) {
    const requests = 4 + Math.round(3 * Math.sin(turn / 60));
    for (let i = 0; i < requests; i++) {
      const rows = (turn + i) % 5 === 0 ? 1 + (turn % 16) : 1;
      void ask(Array.from({ length: rows }, (_, row) => scans[(turn + row) % scans.length].pixels));
    }
    if (turn % 40 === 0) void ask([[1, 2]]);
    void send(`${rest}/v1/models/twice:predict`, { method: 'POST', body: '{"instances":[1]}' });
    void send(`${rest}/cart`);
    if (turn % 3 === 0) void send(`${rest}/pay`, { method: 'POST', body: '{}' });
    if (turn % 30 === 0) void send(`${rest}/pay`, { signal: AbortSignal.timeout(20) });
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
  ...['half_plus_two', 'half', 'again'].map((name) => `--model=${name}=${HALF}`),
  `--model=twice=${ensembles}`,
  `--app=http://127.0.0.1:${application.address().port}`,
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
  rmSync(ensembles, { recursive: true, force: true });
}
process.exit(0);
