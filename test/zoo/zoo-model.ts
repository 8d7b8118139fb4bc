import type { Tensor } from '../../src/core/tensor.ts';
import type { RowAxes } from './compare.ts';
import type { Random } from './inputs.ts';

export interface ZooModel {
  readonly name: string;
  /** With its version, as requirements pin it. */
  readonly package: string;
  /** What it does. */
  readonly kind: string;
  readonly file: string;
  /** The inputs of one request. */
  readonly inputs: (random: Random) => Readonly<Record<string, Tensor>>;
  /** Where a batch's rows are, if it has any: what the runtime alone is asked with, not what the server is told. */
  readonly axes?: RowAxes;
  /** The server is told the axes, in pillion.yaml: nothing else can. */
  readonly isDeclared?: true;
  /** It has no rows: a run is one request. */
  readonly isWhole?: true;
  /** A stream: an output of one request is the input of the next. */
  readonly state?: Readonly<Record<string, string>>;
}
