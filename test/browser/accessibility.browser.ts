/**
 * Each page of the console for people who use keys alone, a screen reader or large letters: axe-core finds nothing, in
 * wide and narrow windows, light and dark; what can be clicked can be reached by Tab, and shows that it has the focus.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { newKey } from '../../src/cli/key.ts';
import { onnxModel } from '../support/onnx-model.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { openPage, overflow } from './browser.ts';

const AXE = readFileSync('node_modules/axe-core/axe.min.js', 'utf8');
const ROUTES = 'src/features/console/ui/routes.ts';
const HALF = 'examples/half_plus_two/models/half_plus_two';
/** The load of `broken` fails, and a request is wrong. */
const ALLOWED = /40[04]|503/;

const models = mkdtempSync(join(tmpdir(), 'pillion-axe-'));
let application: Server;
let sidecar: Sidecar;

function writeFile(model: string, name: string, content: string | Uint8Array): void {
  mkdirSync(join(models, model, '1'), { recursive: true });
  writeFileSync(join(models, model, '1', name), content);
}

/** next = x + s, which is the s of the next step. */
function writeCounter(): void {
  const value = (name: string) => ({ name, dtype: 'float32' as const, dims: ['batch', 1] });
  const nodes = ['next', 'sum'].map((output) => ({ op: 'Add', inputs: ['x', 's'], outputs: [output] }));
  const outputs = ['next', 'sum'].map(value);
  writeFile('counter', 'model.onnx', onnxModel({ inputs: ['x', 's'].map(value), outputs, nodes }));
  writeFile('counter', 'pillion.yaml', 'state:\n  s: { output: next }\n');
}

const predict = (model: string, body: object, headers: Record<string, string> = {}): Promise<unknown> =>
  fetch(`${sidecar.rest}/v1/models/${model}:predict`, { method: 'POST', headers, body: JSON.stringify(body) }).then(
    (answer) => answer.text(),
  );

before(async () => {
  application = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(application, 'listening');
  writeFile(
    'chain',
    'pillion.yaml',
    `ensemble:
  steps:
    - { model: half_plus_two, inputs: { x: x }, outputs: { y: first } }
    - { model: again, inputs: { x: first }, outputs: { y: second } }
`,
  );
  writeFile('broken', 'model.onnx', 'no model');
  writeCounter();
  const { port } = application.address() as AddressInfo;
  sidecar = await startSidecar([
    ...[...DIGITS, `--model=half_plus_two=${HALF}`, `--model=again=${HALF}`],
    ...['chain', 'broken', 'counter'].map((name) => `--model=${name}=${join(models, name)}`),
    ...[`--app=http://127.0.0.1:${port}`, '--caller_max_requests=100'],
  ]);
  await predict('digits', { instances: [Array.from({ length: 64 }, () => 1)] });
  await predict('digits', { instances: [[1]] });
});

after(() => {
  application.close();
  killSidecars();
  rmSync(models, { recursive: true, force: true });
});

/** A line for each rule that is broken, with the places. */
async function violations(page: Page): Promise<readonly string[]> {
  interface Violation {
    readonly id: string;
    readonly nodes: readonly { readonly target: readonly string[] }[];
  }
  await page.evaluate(AXE);
  const found = await page.evaluate<Violation[]>(`axe.run(document).then(({ violations }) => violations)`);
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
}

const WIDTHS = [1440, 390];

type Act = (page: Page) => Promise<unknown>;

type Example = readonly [name: string, hash: string, text: string, act?: Act];

/** By the names of the console's own table of pages; a test compares them, so that none can be forgotten. */
const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  overview: [
    ['overview', '#/', 'Beside the models'],
    ['the keys', '#/', 'Beside the models', (page) => page.keyboard.press('?')],
    ['the traffic of the past', '?since=15m#/', 'In words'],
  ],
  model: [
    ['a model', '#/models/digits', 'Signatures'],
    ['a model that failed', '#/models/broken', 'No version is loaded'],
    ['an ensemble', '#/models/chain', 'Tensors between steps'],
    ['a model with sequences', '#/models/counter', 'All sequences'],
  ],
  requests: [
    ['requests', '#/requests', 'Took'],
    ['requests that are not there', '#/requests?id=none', 'No such request'],
  ],
  request: [
    ['a request', '#/requests?model=digits', 'Took', (page) => page.locator('a.row-link').first().click()],
    ['a request that is not remembered', '#/requests/none', 'no such request'],
  ],
  compare: [
    ['two spans beside each other', '#/compare', 'beside each other'],
    ['two versions beside each other', '#/compare?a.model=digits&b.model=chain', 'Goodput'],
  ],
  playground: [
    ['playground', '#/playground/digits', 'Ask the model'],
    ['a playground of numbers', '#/playground/half_plus_two', 'Ask the model'],
    ['a playground without a model', '#/playground', 'Ask the model'],
  ],
  'rest-api': [
    ['the REST API', '#/rest-api', 'Calls with'],
    ['a call of the REST API', '#/rest-api', 'Calls with', openCall],
  ],
  report: [
    ['callers', '#/reports/callers', 'Limits of one caller'],
    ['application', '#/reports/application', 'By route'],
    ['a page that is not there', '#/reports/nothing', 'Try again'],
  ],
};

async function openCall(page: Page): Promise<void> {
  await page.locator('summary').filter({ hasText: ':predict' }).first().click();
  await page.getByRole('button', { name: 'Send' }).first().waitFor();
}

const ALL = Object.values(EXAMPLES).flat();

/** One page in each window, from the widest on; `act` brings it into the state that is looked at. */
async function lookAt(
  t: TestContext,
  url: string,
  act: Act,
  look: (page: Page, window: string) => Promise<void>,
): Promise<void> {
  const page = await openPage(t, url, { width: WIDTHS[0]!, allowed: /40[0-4]|503/ });
  await act(page);
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.locator(`html[data-theme="${colorScheme}"]`).waitFor();
      await look(page, `${width} ${colorScheme}`);
    }
  }
  await page.close();
}

describe('the examples', () => {
  it('are of each page that the server’s features have', async () => {
    const { reports } = (await (await fetch(`${sidecar.admin}/reports`)).json()) as {
      readonly reports: readonly { readonly name: string }[];
    };
    const shown = EXAMPLES['report']!.map(([, hash]) => hash);
    assert.ok(reports.length > 0);
    for (const { name } of reports) assert.ok(shown.includes(`#/reports/${name}`), name);
  });

  it('are of each page of the console’s own table, and lead to it', async () => {
    // A feature's files are imported by itself alone, and only esbuild compiles those of the page.
    const { outputFiles } = await build({ entryPoints: [ROUTES], bundle: true, format: 'esm', write: false });
    const table = `data:text/javascript,${encodeURIComponent(outputFiles[0]!.text)}`;
    const { PAGES, parseRoute } = (await import(table)) as {
      readonly PAGES: Readonly<Record<string, unknown>>;
      readonly parseRoute: (hash: string) => { readonly page: string };
    };
    assert.deepEqual(Object.keys(EXAMPLES).sort(), Object.keys(PAGES).sort());
    for (const [name, examples] of Object.entries(EXAMPLES)) {
      assert.ok(examples.length > 0, name);
      for (const [, hash, , act] of examples) {
        const { page } = parseRoute(hash.slice(hash.indexOf('#')));
        assert.ok(page === name || (act !== undefined && page === 'requests'), hash);
      }
    }
  });
});

describe('axe-core finds nothing', () => {
  for (const [name, hash, text, act] of ALL) {
    it(`on ${name}`, async (t) => {
      const open: Act = async (page) => {
        await page.getByText(text).first().waitFor();
        await act?.(page);
        await page.locator('.loading').first().waitFor({ state: 'detached' });
      };
      await lookAt(t, `${sidecar.admin}/${hash}`, open, async (page, window) => {
        assert.deepEqual(await violations(page), [], window);
        assert.equal(await overflow(page), 0, window);
      });
    });
  }

  it('where the page asks for the token', async (t) => {
    const file = join(models, 'token');
    writeFileSync(file, newKey().key, { mode: 0o600 });
    const locked = await startSidecar([...DIGITS, `--admin_token_file=${file}`]);
    const open: Act = async (page) => {
      await page.getByLabel('The token that is in the file').fill('wrong-token-of-some-length');
      await page.getByRole('button', { name: 'Open' }).click();
      await page.getByText('The server did not take this token').waitFor();
    };
    await lookAt(t, locked.admin, open, async (page, window) => {
      assert.deepEqual(await violations(page), [], window);
    });
    assert.equal(await locked.stop(), 0);
  });
});

/** A field for a time has a stop for each of its parts. */
const STOPS = 8;

describe('by keys alone', () => {
  /** What has the focus, and whether it shows; '' at the end of the page. */
  const focused = (
    page: Page,
  ): Promise<{ readonly name: string; readonly isShown: boolean; readonly isNew: boolean }> =>
    page.evaluate(`(() => {
      const { activeElement: at } = document;
      if (at === document.body || at === null) return { name: '', isShown: true, isNew: false };
      const style = getComputedStyle(at.matches('input.unseen') ? at.parentElement : at);
      const name = at.getAttribute('aria-label') || at.textContent || at.id || at.tagName;
      const isNew = at.dataset.seen === undefined;
      at.dataset.seen = '';
      return { name, isNew, isShown: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1 };
    })()`);

  for (const [name, hash, text, act] of ALL) {
    it(`every control is reached, and shows the focus: ${name}`, async (t) => {
      const page = await openPage(t, `${sidecar.admin}/${hash}`, { allowed: ALLOWED });
      await page.getByText(text).first().waitFor();
      // The dialog of keys is looked at by axe-core: what is behind it cannot be reached.
      if (name !== 'the keys') await act?.(page);
      await page.locator('.loading').first().waitFor({ state: 'detached' });
      // Tab would begin at the last click.
      await page.evaluate(`
        const start = document.createElement('span');
        start.tabIndex = -1;
        document.body.prepend(start);
        start.focus()`);
      const controls = await page.evaluate<number>(`
        [...document.querySelectorAll('a[href], button, select, textarea, input, summary, [tabindex="0"]')]
          .filter((each) => !each.disabled && each.getClientRects().length > 0).length`);
      const times = await page.locator('input[type=datetime-local]').count();
      const seen = new Set<string>();
      let reached = 0;
      for (let presses = 0; presses < controls + 5 + STOPS * times; presses++) {
        await page.keyboard.press('Tab');
        const { name: at, isShown, isNew } = await focused(page);
        if (at === '') break;
        assert.ok(isShown, `${at} shows that it has the focus`);
        seen.add(at);
        if (isNew) reached += 1;
      }
      assert.ok(reached >= controls, `${reached} of ${controls} are reached: ${[...seen].join(' | ')}`);
    });
  }

  it('the skip link is the first, and leads to the page', async (t) => {
    const page = await openPage(t, `${sidecar.admin}/#/`);
    await page.getByText('Beside the models').waitFor();
    await page.keyboard.press('Tab');
    assert.equal((await focused(page)).name, 'Skip to the page');
    assert.ok(await page.getByText('Skip to the page').isVisible());
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate('document.activeElement.id'), 'main');
  });
});

describe('the reports of features', () => {
  it('show the application’s traffic, its steps’ times and its sequences while they are on', async (t) => {
    const page = await openPage(t, `${sidecar.admin}/#/reports/application`, { allowed: ALLOWED });
    await page.getByText('No request for the application has ended lately').waitFor();
    await fetch(`${sidecar.rest}/cart`).then((answer) => answer.text());
    await page.getByRole('row', { name: /^http GET/ }).waitFor();
    await page.goto(`${sidecar.admin}/#/models/chain`);
    await page.getByText('Tensors between steps').waitFor();
    await predict('chain', { instances: [1] });
    await page.getByText(/The step that takes longest is (half_plus_two|again)\./).waitFor();
    await page.getByRole('img', { name: /first from half_plus_two to again/ }).waitFor();
    await page.goto(`${sidecar.admin}/#/models/counter`);
    await page.getByText('No sequence has begun yet').waitFor();
    const step = { 'x-pillion-sequence-id': 'one', 'x-pillion-sequence-step': 'start' };
    await predict('counter', { instances: [{ x: [1] }] }, step);
    await page.getByText(/1 of at most 4096 sequences are open/).waitFor();
  });

  it('are not there without the features', async (t) => {
    const bare = await startSidecar(DIGITS);
    const page = await openPage(t, `${bare.admin}/#/models/digits`);
    await page.getByText('Signatures').waitFor();
    await page.getByRole('link', { name: 'Callers' }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'Application' }).count(), 0);
    assert.equal(await page.getByText(/Ensemble|Sequences/).count(), 0);
    assert.equal(await bare.stop(), 0);
  });
});
