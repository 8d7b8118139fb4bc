/** The pages: their links lead to files and headings that are there, and docs/README.md has a line of each page in docs/. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { describe, it } from 'node:test';

const FOLDERS = ['docs', 'src', 'test', 'bench', 'deploy', 'examples'];
const INDEX = 'docs/README.md';
/** A page of a feature goes with its folder, and links to it stay. */
const OF_FEATURE = /^src\/(?:features\/[^/]+|proxy\/fronting)(?=\/|$)/;

const PAGES = [...pagesOf('.', false), ...FOLDERS.flatMap((folder) => pagesOf(folder, true))];

function pagesOf(folder: string, recursive: boolean): readonly string[] {
  const files = readdirSync(folder, { recursive, encoding: 'utf8' });
  return files.filter((file) => file.endsWith('.md')).map((file) => join(folder, file));
}

/** Targets of a page's links, from the root on, with what follows `#`. */
function linksOf(page: string): readonly { readonly target: string; readonly heading: string }[] {
  const links = readFileSync(page, 'utf8').matchAll(/\]\(([^)\s#]*)(?:#([^)\s]*))?\)/g);
  return [...links]
    .filter(([, path]) => !/^[a-z]+:/.test(path!))
    .map(([, path, heading = '']) => ({ target: path === '' ? page : join(dirname(page), path!), heading }));
}

/** As GitHub names the headings of a page. */
function headingsOf(page: string): ReadonlySet<string> {
  const text = readFileSync(page, 'utf8').replaceAll(/```.*?```/gs, '');
  const names = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => {
    const words = heading!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .trim()
      .toLowerCase();
    return words.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(/\s/g, '-');
  });
  return new Set(names.map((name, at) => countedName(name, names.slice(0, at))));
}

function countedName(name: string, before: readonly string[]): string {
  const count = before.filter((other) => other === name).length;
  return count === 0 ? name : `${name}-${count}`;
}

function isThere({ target, heading }: { readonly target: string; readonly heading: string }): boolean {
  const feature = OF_FEATURE.exec(target)?.[0];
  if (feature !== undefined && !existsSync(feature)) return true;
  if (!existsSync(target)) return false;
  return heading === '' || !target.endsWith('.md') || headingsOf(target).has(heading);
}

describe('the pages', () => {
  it('have links that lead to what is there', () => {
    const broken = PAGES.flatMap((page) => {
      const links = linksOf(page).filter((link) => !isThere(link));
      return links.map(({ target, heading }) => `${page}: ${target}${heading && `#${heading}`}`);
    });
    assert.deepEqual(broken, []);
  });

  it(`are listed in ${INDEX}`, () => {
    const listed = new Set(linksOf(INDEX).map(({ target }) => target));
    const pages = PAGES.filter((page) => /^docs\/(?!adr\/)./.test(page) && page !== INDEX);
    assert.deepEqual(
      pages.filter((page) => !listed.has(page)),
      [],
    );
  });
});
