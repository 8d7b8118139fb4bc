/**
 * CSV → rows of a request. The first line names the columns. Where the names are those of the inputs, a row is an object;
 * where the model has one input of as many columns, a row is their list, in the order of the file:
 *
 *   age,city          {"age": [33], "city": ["Oslo"]}         inputs age [?,1], city [?,1]
 *   33,Oslo
 *
 *   sl,sw,pl,pw       [5.1, 3.5, 1.4, 0.2]                    input x [?,4]
 *   5.1,3.5,1.4,0.2
 *
 * Where that one input has columns by name, and the file names them, a row is an object of these: an empty cell is null, a
 * category is its text. An empty cell of another float input is NaN, as data frames have it.
 *
 * A first line of numbers is a row whose names are missing, and an error: it would be lost without a word.
 */
import { type CsvError, parse } from 'csv-parse/sync';
import type { ServedTensor } from '../../cli/served-inputs.ts';
import { type CategoryCodes, type Columns, columnIndex } from '../../core/columns/columns.ts';
import { DataError } from './data-error.ts';
import type { GivenData } from './read-data.ts';

type Inputs = ReadonlyMap<string, ServedTensor>;

/** The text of `instances`. Throws DataError. */
export function csvInstances({ bytes, form, from }: GivenData, inputs: Inputs): string {
  const [heads = [], ...rows] = rowsOf(bytes, form === 'tsv' ? '\t' : delimiterOf(bytes), from);
  const names = exportedNames(heads, inputs);
  if (rows.length === 0) throw new DataError(`${from} has no row below its names of columns`);
  const [only] = inputs.size === 1 ? inputs : [];
  const isNamed = names.every((name) => inputs.has(name));
  const columns = only?.[1].columns;
  // The only column may have the input's name.
  const mayBeColumns = columns !== undefined && (!isNamed || columnIndex(columns).placeOf(names[0]!) !== undefined);
  if (mayBeColumns && namesColumns(names, columns, from)) return columnRows(names, rows, columns, from);
  if (only !== undefined && !isNamed) {
    const [input, spec] = only;
    // A column of texts may well be named 0.
    if (spec.dtype !== 'string' && areValues(names)) throw new DataError(missingNames(names, from));
    checkWidth(names, input, spec, from);
    const isList = (spec.shape?.length ?? 2) > 1;
    return `[${rows
      .map((row, i) =>
        listOf(
          row.map((cell, c) => cellText(cell, spec, place(from, i, names[c]!))),
          isList,
        ),
      )
      .join(',')}]`;
  }
  if (!isNamed || names.length !== inputs.size) {
    const wanted = [...inputs.keys()].map((name) => JSON.stringify(name)).join(', ');
    throw new DataError(
      `${from} names ${names.map((name) => JSON.stringify(name)).join(', ')}; the inputs are ${wanted}`,
    );
  }
  return `[${rows.map((row, i) => objectOf(names, row, inputs, from, i)).join(',')}]`;
}

/** Spreadsheets of countries with a decimal comma separate columns by semicolons: of the first line, what separates it. */
function delimiterOf(bytes: GivenData['bytes']): ',' | ';' {
  const end = bytes.indexOf(10);
  const line = bytes.toString('latin1', 0, end === -1 ? undefined : end).replaceAll(/"[^"]*"/g, '');
  return line.includes(';') && !line.includes(',') ? ';' : ',';
}

/**
 * The names in the file, where skl2onnx has named an input after one as it writes names: "Age (years)" → "Age__years_".
 * A name that two columns would have is left to the check of names.
 */
function exportedNames(heads: readonly string[], inputs: Inputs): readonly string[] {
  if (inputs.size !== heads.length) return heads;
  const names = heads.map((head) => (inputs.has(head) ? head : head.replaceAll(/[^A-Za-z0-9_]/gu, '_')));
  return new Set(names).size === names.length && names.every((name) => inputs.has(name)) ? names : heads;
}

/** All are numbers, and not those by which data frames name columns without names: 0, 1, 2. */
function areValues(names: readonly string[]): boolean {
  const isCounted = names.length > 1 && names.every((name, i) => name === String(i));
  const isRow =
    names.some((name) => NUMBER.test(name)) && names.every((name) => NUMBER.test(name) || NO_NUMBER.test(name));
  return isRow && !isCounted;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
/** A float's cell that is no number: empty, or a word for it. */
const NO_NUMBER = /^(|nan|na|null|[+-]?inf(inity)?)$/i;

function missingNames(names: readonly string[], from: string): string {
  const shown = names.slice(0, SHOWN_VALUES).join(', ') + (names.length > SHOWN_VALUES ? ', …' : '');
  return `${from} begins with ${shown}: that is a row, and not the names of the columns; put a line of names above it`;
}

const SHOWN_VALUES = 5;

/** Names that LightGBM and XGBoost make up for arrays. */
const MADE_UP = /^(Column_|f)\d+$/;

/** The file names the model's columns. False: nobody named them. Throws DataError if it names other things. */
function namesColumns(names: readonly string[], columns: Columns, from: string): boolean {
  const index = columnIndex(columns);
  const unknown = names.filter((name) => index.placeOf(name) === undefined);
  if (unknown.length === 0) return true;
  if (unknown.length === names.length && columns.list.every(({ name }) => MADE_UP.test(name))) return false;
  throw new DataError(
    `${from} names ${unknown.map((name) => JSON.stringify(name)).join(', ')}, which the model has not; it has ` +
      columns.list.map(({ name }) => JSON.stringify(name)).join(', '),
  );
}

function columnRows(
  names: readonly string[],
  rows: readonly (readonly string[])[],
  columns: Columns,
  from: string,
): string {
  const index = columnIndex(columns);
  const objects = rows.map((row, i) => {
    const members = names.map((name, column) => {
      const codes = index.codesOf(index.placeOf(name)!);
      const text = columnCell(row[column]!, codes, place(from, i, name));
      return `${JSON.stringify(name)}:${text}`;
    });
    return `{${members.join(',')}}`;
  });
  return `[${objects.join(',')}]`;
}

/** A category's text, where the column has it, or whatever a float's cell may be. */
function columnCell(cell: string, codes: CategoryCodes | undefined, at: string): string {
  if (codes?.of(cell) !== undefined) return JSON.stringify(cell);
  if (/^(true|false)$/i.test(cell)) return cell.toLowerCase();
  const isNumber = NUMBER.test(cell) || NO_NUMBER.test(cell);
  // The server says what an unknown category is.
  const isText = codes !== undefined && (!isNumber || (!codes.takesNumbers && /\d/.test(cell)));
  if (isText) return JSON.stringify(cell);
  const text = cellText(cell, FLOAT, at);
  return text === 'NaN' ? 'null' : text;
}

const FLOAT = { dtype: 'float64', shape: undefined, tensorName: '' } as const;

function rowsOf(bytes: GivenData['bytes'], delimiter: string, from: string): readonly (readonly string[])[] {
  try {
    return parse(bytes, { bom: true, delimiter, skip_empty_lines: true, relax_column_count: false, trim: true });
  } catch (error) {
    throw new DataError(`${from}: ${parseProblem(error as CsvError)}`);
  }
}

function parseProblem({ code, lines, record, message }: CsvError): string {
  if (code !== 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH') return message;
  return `line ${String(lines)} has ${(record as readonly string[]).length} values, and the first line another number of names`;
}

function checkWidth(names: readonly string[], input: string, { shape }: ServedTensor, from: string): void {
  const width = shape?.at(-1) ?? -1;
  const isFlat = shape === undefined || shape.length <= 2;
  if (isFlat && (width === -1 || width === names.length || (shape!.length === 1 && names.length === 1))) return;
  const wants = isFlat ? `${width} columns` : 'rows that are no lists of numbers; send .npy or JSON';
  throw new DataError(`${from} has ${names.length} columns, but input ${JSON.stringify(input)} takes ${wants}`);
}

function objectOf(names: readonly string[], row: readonly string[], inputs: Inputs, from: string, i: number): string {
  const members = names.map((name, column) => {
    const spec = inputs.get(name)!;
    const cell = cellText(row[column]!, spec, place(from, i, name));
    return `${JSON.stringify(name)}:${listOf([cell], (spec.shape?.length ?? 1) > 1)}`;
  });
  return `{${members.join(',')}}`;
}

function listOf(cells: readonly string[], isList: boolean): string {
  return isList ? `[${cells.join(',')}]` : cells[0]!;
}

function place(from: string, row: number, column: string): string {
  return `${from}, row ${row + 1}, column ${JSON.stringify(column)}`;
}

/** The cell in JSON. */
function cellText(cell: string, { dtype }: ServedTensor, at: string): string {
  if (dtype === 'string') return JSON.stringify(cell);
  if (dtype === 'bool') {
    if (/^(true|false)$/i.test(cell)) return cell.toLowerCase();
    if (cell === '0' || cell === '1') return cell === '1' ? 'true' : 'false';
    throw new DataError(`${at}: ${JSON.stringify(cell)} is neither true nor false`);
  }
  const isFloat = dtype.includes('float');
  if (isFloat && /^(|nan|na|null)$/i.test(cell)) return 'NaN';
  const infinite = isFloat ? /^([+-]?)inf(inity)?$/i.exec(cell) : null;
  if (infinite !== null) return infinite[1] === '-' ? '-Infinity' : 'Infinity';
  if (isFloat && NUMBER.test(cell) && Number.isFinite(Number(cell))) return String(Number(cell));
  // An integer's digits stay as they are: a number of JavaScript would round those above 2^53.
  if (!isFloat && /^-?\d+$/.test(cell)) return cell.replace(/^(-?)0+(?=\d)/, '$1');
  // Three digits behind the comma may be thousands.
  const fix = isFloat && /^[+-]?\d+,(?!\d{3}$)\d+$/.test(cell) ? `; write ${cell.replace(',', '.')}` : '';
  throw new DataError(`${at}: ${JSON.stringify(cell)} is no ${dtype}${fix}`);
}
