/**
 * Copies the Markdown of the repository into site/.pages, in the places that it has there, for the generator. Links to
 * files that are no pages lead to the address in SITE_REPOSITORY; without it they are plain text.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import process from 'node:process';

const ROOT = join(import.meta.dirname, '..');
const TARGET = join(import.meta.dirname, '.pages');
const REPOSITORY = process.env['SITE_REPOSITORY'];
/** Pages that are for whoever reads the source beside them. */
const LEFT = /^(?:\.github|test|proto|site|src\/(?!features\/|proxy\/fronting\/))/;
const PICTURE = /\.(?:png|svg)$/;

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
}).split('\n');
const pages = files.filter((file) => file.endsWith('.md') && !LEFT.test(file) && existsSync(join(ROOT, file)));

/** Where a page is in the site: a folder's README.md is its index. */
function placeOf(page) {
  return page.replace(/(^|\/)README\.md$/, '$1index.md');
}

/** A link of a page as the site has it. */
function linkOf(page, whole, isPicture, text, path, anchor = '') {
  if (path === '' || /^[a-z]+:/.test(path)) return whole;
  const target = join(dirname(page), path).replace(/\/$/, '');
  if (isPicture) {
    mkdirSync(dirname(join(TARGET, target)), { recursive: true });
    cpSync(join(ROOT, target), join(TARGET, target));
    return `![${text}](${path.startsWith('.') ? path : `./${path}`})`;
  }
  if (pages.includes(target)) return `[${text}](/${placeOf(target)}${anchor})`;
  if (pages.includes(join(target, 'README.md'))) return `[${text}](/${join(target, 'index.md')})`;
  return REPOSITORY === undefined ? text : `[${text}](${REPOSITORY}/${target})`;
}

rmSync(TARGET, { recursive: true, force: true });
for (const page of pages) {
  const markdown = readFileSync(join(ROOT, page), 'utf8');
  // Code has no links. The highlighter knows protobuf's text format by the language's other name.
  const parts = markdown.split(/(^ *```[\s\S]*?^ *```$)/m);
  const linked = parts.map((part, at) =>
    at % 2 === 1
      ? part.replace(/^( *```)textproto/, '$1proto')
      : part.replaceAll(/(!?)\[((?:[^\][]|\[[^\]]*\])*)\]\(([^)\s#]*)(#[^)\s]*)?\)/g, (whole, picture, text, path, anchor) =>
          linkOf(page, whole, picture === '!' && PICTURE.test(path), text, path, anchor),
        ),
  );
  const place = join(TARGET, placeOf(page));
  mkdirSync(dirname(place), { recursive: true });
  writeFileSync(place, linked.join(''));
}
// The generator copies what lies in this folder as it is.
mkdirSync(join(TARGET, 'public'), { recursive: true });
cpSync(join(ROOT, 'src', 'features', 'console', 'ui', 'icon.svg'), join(TARGET, 'public', 'icon.svg'));
console.log(`${pages.length} pages`);
