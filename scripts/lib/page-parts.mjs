/** Parts of a page that are made of tables in the code, between marks. */

/**
 * The page with each part between its marks. Throws if a mark is not there.
 * @param {string} page
 * @param {string} word of npm run gen, by which people write the parts anew
 * @param {Readonly<Record<string, string>>} parts by their names in the marks
 */
export function withParts(page, word, parts) {
  return Object.entries(parts).reduce((text, [name, part]) => {
    const [begin, end] = [`<!-- ${name}: written by npm run gen -- ${word} -->`, `<!-- end of ${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from === -1 || to < from) throw new Error(`${begin} … ${end} are not in the page`);
    return `${text.slice(0, from + begin.length)}\n\n${part}\n\n${text.slice(to)}`;
  }, page);
}
