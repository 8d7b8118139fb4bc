/** Texts as people have them: the sentences and paragraphs of the project's own pages. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDERS = ['docs', 'src', 'bench'];
const FEWEST_LETTERS = 12;

/** Each paragraph, and each of its sentences where it has several, in the order of the pages. */
export function corpus(): readonly string[] {
  const within = (folder: string): string[] => {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    return names.filter((name) => name.endsWith('.md')).map((name) => join(folder, name));
  };
  const paths = FOLDERS.flatMap(within).sort();
  const texts = paths.flatMap((path) => paragraphsOf(readFileSync(path, 'utf8')));
  return texts.filter(({ length }) => length >= FEWEST_LETTERS);
}

function paragraphsOf(page: string): readonly string[] {
  const prose = page.replace(/```[\s\S]*?```/g, '');
  return prose.split(/\n\s*\n|\n(?=[-*|#])/).flatMap((paragraph) => {
    const text = paragraph.replace(/\s+/g, ' ').trim();
    const sentences = text.split(/(?<=[.!?:;]) (?=[A-Z`])/);
    return sentences.length > 1 ? [text, ...sentences] : [text];
  });
}
