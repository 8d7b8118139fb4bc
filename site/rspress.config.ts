/** The site: every page of docs/README.md, in its order, with a search that runs in the browser. */
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { defineConfig } from '@rspress/core';

const INDEX = 'docs/README.md';

/** The headings of the index, and the pages below each. */
function sidebar() {
  const text = readFileSync(join(import.meta.dirname, '..', INDEX), 'utf8');
  return text
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const links = [...section.matchAll(/\[([^\]]+)\]\(([^)#\s]+\.md)\)/g)];
      const items = links.map(([, name, path]) => ({
        text: capital(name === 'its own' ? path!.split('/').at(-2)! : name!),
        link: `/${posix.join('docs', path!).replace(/README\.md$/, '').replace(/\.md$/, '')}`,
      }));
      return { text: section.split('\n')[0]!.split(':')[0]!, items, collapsible: true, collapsed: false };
    });
}

/** Names begin within a sentence in the index. */
function capital(name: string): string {
  return name[0]!.toUpperCase() + name.slice(1);
}

export default defineConfig({
  root: '.pages',
  outDir: 'dist',
  title: 'Pillion',
  icon: '/icon.svg',
  description: 'An inference sidecar: TensorFlow Serving’s and Triton’s APIs beside your application.',
  search: { codeBlocks: true },
  themeConfig: {
    nav: [
      { text: 'Ten minutes', link: '/docs/tutorial/first-model' },
      { text: 'Configuration', link: '/docs/reference/configuration' },
      { text: 'Errors', link: '/docs/reference/errors' },
      { text: 'All pages', link: '/docs/' },
    ],
    sidebar: { '/': sidebar() },
  },
});
