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
import type { Page } from 'playwright-core';
import { newKey } from '../../src/cli/key.ts';
import { onnxModel } from '../support/onnx-model.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { openPage, overflow } from './browser.ts';

const AXE = readFileSync('node_modules/axe-core/axe.min.js', 'utf8');
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

type Act = (page: Page) => Promise<unknown>;

const PAGES: Readonly<Record<string, readonly [hash: string, text: string, act?: Act]>> = {
  overview: ['#/', 'Beside the models'],
  'a model': ['#/models/digits', 'Signatures'],
  'a model that failed': ['#/models/broken', 'No version is loaded'],
  'an ensemble': ['#/models/chain', 'Tensors between steps'],
  'a model with sequences': ['#/models/counter', 'All sequences'],
  requests: ['#/requests', 'Took'],
  'a request': ['#/requests?model=digits', 'Took', (page) => page.locator('a.row-link').first().click()],
  playground: ['#/playground/digits', 'Ask the model'],
  'a playground of numbers': ['#/playground/half_plus_two', 'Ask the model'],
  callers: ['#/reports/callers', 'Limits of one caller'],
  application: ['#/reports/application', 'By route'],
  'a page that is not there': ['#/reports/nothing', 'Try again'],
  'the keys': ['#/', 'Beside the models', (page) => page.keyboard.press('?')],
};

async function lookAt(t: TestContext, url: string, look: (page: Page, window: string) => Promise<void>): Promise<void> {
  for (const width of [1440, 390]) {
    for (const scheme of ['light', 'dark'] as const) {
      const page = await openPage(t, url, { width, scheme, allowed: /40[0-4]|503/ });
      await look(page, `${width} ${scheme}`);
      await page.close();
    }
  }
}

describe('axe-core finds nothing', () => {
  for (const [name, [hash, text, act]] of Object.entries(PAGES)) {
    it(`on ${name}`, async (t) => {
      await lookAt(t, `${sidecar.admin}/${hash}`, async (page, window) => {
        await page.getByText(text).first().waitFor();
        await act?.(page);
        await page.locator('.loading').first().waitFor({ state: 'detached' });
        assert.deepEqual(await violations(page), [], window);
        assert.equal(await overflow(page), 0, window);
      });
    });
  }

  it('where the page asks for the token', async (t) => {
    const file = join(models, 'token');
    writeFileSync(file, newKey().key, { mode: 0o600 });
    const locked = await startSidecar([...DIGITS, `--admin_token_file=${file}`]);
    await lookAt(t, locked.admin, async (page, window) => {
      await page.getByLabel('The token that is in the file').fill('wrong-token-of-some-length');
      await page.getByRole('button', { name: 'Open' }).click();
      await page.getByText('The server did not take this token').waitFor();
      assert.deepEqual(await violations(page), [], window);
    });
    assert.equal(await locked.stop(), 0);
  });
});

describe('by keys alone', () => {
  /** What has the focus, and whether it shows; '' at the end of the page. */
  const focused = (page: Page): Promise<{ readonly name: string; readonly isShown: boolean }> =>
    page.evaluate(`(() => {
      const { activeElement: at } = document;
      if (at === document.body || at === null) return { name: '', isShown: true };
      const style = getComputedStyle(at.matches('input.unseen') ? at.parentElement : at);
      const name = at.getAttribute('aria-label') || at.textContent || at.id || at.tagName;
      return { name, isShown: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1 };
    })()`);

  for (const [name, [hash, text]] of Object.entries(PAGES)) {
    it(`every control is reached, and shows the focus: ${name}`, async (t) => {
      const page = await openPage(t, `${sidecar.admin}/${hash}`, { allowed: ALLOWED });
      await page.getByText(text).first().waitFor();
      const controls = await page.evaluate<number>(`
        [...document.querySelectorAll('a[href], button, select, textarea, input, summary, [tabindex="0"]')]
          .filter((each) => !each.disabled && each.getClientRects().length > 0).length`);
      const seen = new Set<string>();
      let reached = 0;
      for (let presses = 0; presses < controls + 5; presses++) {
        await page.keyboard.press('Tab');
        const { name: at, isShown } = await focused(page);
        if (at === '') break;
        assert.ok(isShown, `${at} shows that it has the focus`);
        seen.add(at);
        reached += 1;
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
