/** Columns as metadata tells them, in JSON and for people. */
import type { Category, Columns } from './columns.ts';

/** A column as metadata tells it, in JSON. */
interface ToldColumn {
  readonly name: string;
  readonly categories?: readonly Category[];
}

/** The columns of inputs that have some, by signature and input, as metadata tells them. */
export type ToldColumns = Readonly<Record<string, Readonly<Record<string, readonly ToldColumn[]>>>>;

interface ColumnedInputs {
  readonly inputs: ReadonlyMap<string, { readonly columns?: Columns }>;
}

/** Undefined = no input has columns. */
export function toldColumns(signatures: ReadonlyMap<string, ColumnedInputs>): ToldColumns | undefined {
  const told = [...signatures].flatMap(([signature, { inputs }]) => {
    const columned = [...inputs].flatMap(([input, { columns }]) =>
      columns === undefined ? [] : [[input, toldOf(columns)] as const],
    );
    return columned.length === 0 ? [] : [[signature, Object.fromEntries(columned)] as const];
  });
  return told.length === 0 ? undefined : Object.fromEntries(told);
}

/** The columns of an input as metadata tells them. */
export function toldOf({ list }: Columns): readonly ToldColumn[] {
  return list.map(({ name, categories }) => ({ name, ...(categories && { categories }) }));
}

/** Columns that another server's metadata tells: their texts may be any. Undefined = they are none. */
export function columnsIn(told: unknown): Columns | undefined {
  if (!Array.isArray(told)) return undefined;
  const list = (told as readonly Partial<ToldColumn>[]).map(({ name = '', categories }) => ({
    name: String(name),
    ...(Array.isArray(categories) && { categories }),
  }));
  return { list, unknownCategory: 'error' };
}

/** "age", or "city" (Bern, Oslo, Rome), for people; of many categories the first ones. */
export function columnText({ name, categories }: ToldColumn): string {
  if (categories === undefined) return name;
  const more = categories.length > SHOWN_CATEGORIES ? `, … ${categories.length - SHOWN_CATEGORIES} more` : '';
  return `${name} (${categories.slice(0, SHOWN_CATEGORIES).join(', ')}${more})`;
}

const SHOWN_CATEGORIES = 10;
