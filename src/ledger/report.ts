/**
 * Reports for people, which features make and the console shows: a page of the whole server's, or a section of a model's
 * page. A report is plain data, and is made only when somebody asks for it.
 */

/** `warn` marks a problem. */
export interface Sentence {
  readonly text: string;
  readonly tone: 'plain' | 'warn';
}

export interface Report {
  /** The time that its numbers are of: a sentence for a page, a few words for a section. */
  readonly covers: string;
  /** The most important one first. */
  readonly sentences: readonly Sentence[];
  readonly graph?: ReportGraph;
  readonly tables?: readonly ReportTable[];
}

export interface ReportTable {
  readonly title: string;
  /** The first column names the row. */
  readonly columns: readonly ReportColumn[];
  /** Values by the keys of the columns; one that is not known is left out. */
  readonly rows: readonly Readonly<Record<string, string | number | undefined>>[];
  /** The text in place of rows, where there are none. */
  readonly empty: string;
}

export interface ReportColumn {
  readonly key: string;
  readonly title: string;
  /** `model`: the name of one, which leads to its page; `rate`: a number a second; `share`: 1 is all. */
  readonly unit: 'text' | 'model' | 'count' | 'rate' | 'ms' | 'bytes' | 'share';
}

/** A directed graph without circles. Each edge goes to a later node. */
export interface ReportGraph {
  readonly title: string;
  readonly nodes: readonly { readonly title: string; readonly note?: string }[];
  /** `from`, `to`: indices of nodes. */
  readonly edges: readonly { readonly from: number; readonly to: number; readonly label: string }[];
}

/** Makes reports. Sources of one name share a page, in the order of their installation. */
export interface ReportSource {
  /** A word of its page's address. */
  readonly name: string;
  readonly title: string;
  /** The whole server's. Absent: there is no page. */
  read?(): Report;
  /** The section on a model's page; undefined: it has nothing to say of this one. */
  ofModel?(model: string): Report | undefined;
  /** Somebody begins to look at reports, or nobody does any more: counts for them are kept only between the two. */
  watch?(isWatched: boolean): void;
}

export const plain = (text: string): Sentence => ({ text, tone: 'plain' });
export const warn = (text: string): Sentence => ({ text, tone: 'warn' });
