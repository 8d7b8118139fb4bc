/**
 * node scripts/trace-pictures.mjs [zipkin] [jaeger]: the pictures of docs/tutorial/in-front-of-an-application.md, the
 * pages that Zipkin and Jaeger have of one request of examples/fronted. Needs what these need (npm test --
 * observability), Debian's chromium, fonts-dejavu-core and pngquant, and in JAEGER_UI the built files of jaeger-ui
 * 1.76.0 (packages/jaeger-ui/build), which Jaeger's Go module lacks; without that Zipkin alone is drawn.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { root, run, say } from './lib/setup.mjs';

const PORT = '18500';
/** The first ones are slow, and the picture is to be of a request as any other. */
const REQUESTS_BEFORE = 20;
const LETTER = JSON.stringify({ scans: [14, 0, 10, 3, 15] });
const all = process.env['JAEGER_UI'] === undefined ? ['zipkin'] : ['zipkin', 'jaeger'];
const named = process.argv.slice(2);
const stores = named.length === 0 ? all : named;

/** The example, once it has printed where its trace is. Returns that place, and what ends it. */
async function startExample(store) {
  const args = ['examples/fronted/run.mjs', `--${store}`, `--port=${PORT}`];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const link = new Promise((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      console.log(line);
      const [, found] = /The trace is at (\S+)/.exec(line) ?? [];
      if (found !== undefined) resolve(found);
    });
  });
  const ended = exited.then((status) => {
    throw new Error(`the example ended (${status}) before it had a trace`);
  });
  return {
    link: await Promise.race([link, ended]),
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

/** Asks some times. Returns the id of the last request's trace. */
async function readLetters() {
  let traceId;
  for (let i = 0; i <= REQUESTS_BEFORE; i++) {
    traceId = randomBytes(16).toString('hex');
    const answer = await fetch(`http://127.0.0.1:${PORT}/codes`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01`,
      },
      body: LETTER,
    });
    await answer.text();
  }
  return traceId;
}

async function draw(browser, store) {
  const example = await startExample(store);
  try {
    const traceId = await readLetters();
    const page = await browser.newPage({ viewport: { width: 1440, height: store === 'jaeger' ? 700 : 760 } });
    // The spans are sent some 100 ms after the answer.
    await pause(3000);
    await page.goto(example.link.replace(/[0-9a-f]{32}$/, traceId));
    await page.getByText('inference.batch').first().waitFor();
    await pause(2000);
    const path = join(root, 'docs', 'tutorial', 'pictures', `${store}.png`);
    await page.screenshot({ path });
    run('pngquant', ['--force', '--nofs', '--strip', '--output', path, '64', path]);
    await page.close();
  } finally {
    await example.stop();
  }
}

const browser = await chromium.launch({
  executablePath: process.env['PILLION_TEST_CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-proxy-server'],
});
try {
  for (const store of stores) {
    say(`The page of ${store}`);
    await draw(browser, store);
  }
} finally {
  await browser.close();
}
