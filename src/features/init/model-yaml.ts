/** The pillion.yaml that `pillion init` writes beside a model: comments alone, for a server finds all of it out itself. */
import { columnText } from '../../core/columns/told-columns.ts';
import { formatShape } from '../../core/shape.ts';
import type { Signature, TensorSpec } from '../../core/signature.ts';
import type { FoundModel } from './found-model.ts';

/** A file's width. */
const COLUMNS = 118;
/** More names would be all that is seen of the file. */
const MAX_COLUMNS = 200;

interface Named {
  /** The model's name. */
  readonly name: string;
  readonly version: number;
  /** The file that it was made of. */
  readonly source: string;
}

/** The file's text: valid YAML whatever the model's names are. */
export function modelYaml({ name, version, source }: Named, { kind, signatures, notes }: FoundModel): string {
  const tensorNotes = [...signatures.values()].flatMap(notesOf);
  const lines = [
    `${name} version ${version}, run by ${kind}; written by pillion init from ${shown(source)}.`,
    'The server reads all of this in the model itself: the file may stay as it is, or go.',
    ...[...signatures].flatMap(([signature, spec]) => ['', ...signatureLines(signature, spec)]),
    ...(notes.length + tensorNotes.length > 0 ? [''] : []),
    ...[...new Set([...notes, ...tensorNotes])].flatMap((note) => wrapped(oneLine(note))),
    '',
    'What an owner may say here (other names, defaults, labels, where the rows are): docs/reference/signatures.md',
  ];
  return lines
    .map((line) => `# ${line}`.trimEnd())
    .join('\n')
    .concat('\n');
}

function notesOf({ inputs, outputs }: Signature): readonly string[] {
  return [...inputs.values(), ...outputs.values()].flatMap(({ note }) => note ?? []);
}

function signatureLines(name: string, { inputs, outputs }: Signature): readonly string[] {
  const all = [...inputs, ...outputs];
  const width = Math.max(0, ...all.map(([each]) => shown(each).length));
  const lineOf = ([each, { dtype, shape, dimNames }]: [string, TensorSpec]): string => {
    const dims = dimNames?.some((dim) => dim !== '')
      ? `  (${dimNames.map((dim) => shown(dim || '-')).join(', ')})`
      : '';
    return `    ${shown(each).padEnd(width)}  ${dtype} ${formatShape(shape)}${dims}`;
  };
  const inputLines = [...inputs].flatMap((entry) => [lineOf(entry), ...columnLines(entry[1])]);
  return [shown(name), '  inputs', ...inputLines, '  outputs', ...[...outputs].map(lineOf)];
}

/** The columns of an input by name. */
function columnLines({ columns }: TensorSpec): readonly string[] {
  if (columns === undefined) return [];
  const text = columns.list.slice(0, MAX_COLUMNS).map(columnText).join(', ');
  const more = columns.list.length > MAX_COLUMNS ? `, … ${columns.list.length - MAX_COLUMNS} more` : '';
  return wrapped(oneLine(`columns: ${text}${more}`)).map((line) => `      ${line}`);
}

/** A name of the model's may hold anything: one that is no plain word is shown as JSON. */
function shown(name: string): string {
  return /^[\w.:/+-]+$/.test(name) ? name : JSON.stringify(name).replaceAll(/[^ -~]/g, '?');
}

function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}\u2028\u2029]+/gu, ' ');
}

function wrapped(text: string): readonly string[] {
  return text.match(new RegExp(`.{1,${COLUMNS - 2}}(?= |$)|\\S+`, 'g'))?.map((line) => line.trim()) ?? [];
}
