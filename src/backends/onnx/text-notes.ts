/**
 * Text operators that treat letters beyond ASCII otherwise than scikit-learn. skl2onnx writes them so unless its options
 * say otherwise, and neither it nor ONNX Runtime says a word:
 *
 *   Tokenizer         words of `[a-zA-Z0-9_]+`, where scikit-learn's `(?u)\b\w\w+\b` has letters of all languages, and two
 *                     at least: a word of one comes between the words of an n-gram
 *   StringNormalizer  LOWER with the locale C, which leaves "Ü" as it is
 */
import { quoteName } from '../../core/list-names.ts';
import { fieldsOf, GRAPH, graphFieldsOf, textOf, textsOf } from './graph/proto/message-fields.ts';

const ASCII_WORDS = '[a-zA-Z0-9_]+';
/** Locales whose letters are those of ASCII. */
const ASCII_LOCALES = ['C', 'POSIX'];

/** A sentence for each input of such operators, by its name. Throws ServingError for bytes that are no model. */
export function textNotesOf(model: Uint8Array): ReadonlyMap<string, string> {
  /** The input from which a tensor comes. */
  const origins = new Map<string, string>();
  const faults = new Map<string, Set<string>>();
  const nodes: Uint8Array[] = [];
  for (const { number, value } of graphFieldsOf(model)) {
    if (number === GRAPH.input) origins.set(textOf(value, 1), textOf(value, 1));
    if (number === GRAPH.node) nodes.push(value);
  }
  // ONNX has the nodes in an order in which each comes behind those that it takes from.
  for (const node of nodes) {
    const input = origins.get(textsOf(node, 1)[0] ?? '');
    if (input === undefined) continue;
    for (const output of textsOf(node, 2)) origins.set(output, input);
    const fault = faultOf(node);
    if (fault !== undefined) faults.set(input, (faults.get(input) ?? new Set()).add(fault));
  }
  return new Map([...faults].map(([input, found]) => [input, noteOf(input, [...found])]));
}

function faultOf(node: Uint8Array): string | undefined {
  const op = textOf(node, 4);
  if (op === 'Tokenizer' && attributeOf(node, 'tokenexp') === ASCII_WORDS) return 'are cut at letters beyond ASCII';
  if (op !== 'StringNormalizer' || !ASCII_LOCALES.includes(attributeOf(node, 'locale'))) return undefined;
  const changesCase = ['LOWER', 'UPPER'].includes(attributeOf(node, 'case_change_action'));
  return changesCase ? 'keep the case of letters beyond ASCII' : undefined;
}

/** The text of an attribute; '' = it has none. */
function attributeOf(node: Uint8Array, name: string): string {
  for (const { number, value } of fieldsOf(node))
    if (number === 5 && textOf(value, 1) === name) return textOf(value, 4);
  return '';
}

function noteOf(input: string, faults: readonly string[]): string {
  return (
    `texts of input ${quoteName(input)} ${faults.join(', and ')}, which scikit-learn does not do: answers to such texts ` +
    'differ from its own. If there are any, export the model with options={TfidfVectorizer: {"locale": "C.UTF-8", ' +
    '"tokenexp": r"[\\p{L}\\p{N}_]{2,}"}}'
  );
}
