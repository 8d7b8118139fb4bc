/** The layout of a signature's rows: joins probe rows into the inputs of one run, and takes the rows of its outputs. */
import { setImmediate } from 'node:timers/promises';
import { formatShape, type Shape, shapesEqual } from '../../core/shape.ts';
import type { Signature, TensorSpec } from '../../core/signature.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import { trialBytes } from '../../core/trial-inputs.ts';
import { FLAG_NAME, type Random, randomTensor, type ValueRange } from '../../models/warm-up/random-rows.ts';
import { rowAt, stackRows } from './row-tensors.ts';

/** One row of each input; an input that must be equal in all requests is whole. */
export type ProbeRow = TensorMap;

/** The shape of each tensor of a row. */
export type RowShapes = ReadonlyMap<string, Shape>;

/** Other events have their turn after so many bytes were made or compared. */
export const BYTES_IN_ONE_TURN = 2 ** 18;

export class ProbeLayout {
  /** Every run has that many rows; undefined = any number. */
  readonly fixedRows: number | undefined;
  readonly #signature: Signature;

  /** The signature's batch axis is a candidate. */
  constructor(signature: Signature) {
    const { batchAxis } = signature;
    this.#signature = signature;
    this.fixedRows = batchAxis.kind === 'fixed' ? batchAxis.size : undefined;
  }

  /** Some dim of an input beside the batch axis may have any size. */
  get hasFreeDims(): boolean {
    return this.#inputs.some(([name, { shape = [] }]) =>
      shape.some((dim, i) => dim === -1 && i !== this.#axisOf(name)),
    );
  }

  get hasIntegers(): boolean {
    return this.#inputs.some(([, { dtype }]) => /^u?int/.test(dtype));
  }

  /** `sizeOf` gives the size of each free dim beside the batch axis, by the group of its input (`groupOf`). */
  shapesOf(sizeOf: (group: string, dim: number) => number): RowShapes {
    return new Map(
      this.#inputs.map(([name, spec]) => {
        const axis = this.#axisOf(name);
        const group = groupOf(name, spec);
        return [name, (spec.shape ?? []).map((dim, i) => (i === axis ? 1 : dim === -1 ? sizeOf(group, i) : dim))];
      }),
    );
  }

  /** The bytes of one row, as trials count them. */
  rowBytes(shapes: RowShapes): number {
    return this.#inputs.reduce((sum, [name, { dtype }]) => sum + trialBytes(dtype, shapes.get(name)!), 0);
  }

  /** Random rows, which agree in the inputs that must be equal. After each large one other events have their turn. */
  async randomRows(count: number, shapes: RowShapes, range: ValueRange, random: Random): Promise<ProbeRow[]> {
    const draw = (name: string, spec: TensorSpec): Tensor => randomTensor(name, spec, shapes.get(name)!, range, random);
    const same = new Map<string, Tensor>();
    for (const [name, spec] of this.#inputs) if (this.#axisOf(name) === 'same') same.set(name, draw(name, spec));
    const isLarge = this.rowBytes(shapes) > BYTES_IN_ONE_TURN;
    const rows: ProbeRow[] = [];
    while (rows.length < count) {
      rows.push(new Map(this.#inputs.map(([name, spec]) => [name, same.get(name) ?? draw(name, spec)])));
      if (isLarge) await setImmediate();
    }
    return rows;
  }

  /** The rows of a request; undefined if its inputs do not agree in their number. */
  rowsOf(request: TensorMap): ProbeRow[] | undefined {
    const counts = new Set<number | undefined>();
    for (const [name] of this.#inputs) {
      const axis = this.#axisOf(name);
      if (axis !== 'same') counts.add(request.get(name)?.shape[axis]);
    }
    const [count] = counts;
    if (counts.size !== 1 || count === undefined || this.#inputs.some(([name]) => !request.has(name))) return undefined;
    return Array.from({ length: count }, (_, i) => this.#row(request, i));
  }

  /** The inputs of a run of these rows. Those that must be equal are the first row's. */
  join(rows: readonly ProbeRow[]): TensorMap {
    return new Map(
      this.#inputs.map(([name]) => {
        const axis = this.#axisOf(name);
        const tensors = rows.map((row) => row.get(name)!);
        return [name, axis === 'same' ? tensors[0]! : stackRows(tensors, axis)];
      }),
    );
  }

  /** Why the outputs of a run of so many rows cannot be cut; undefined = they can. */
  whyUncut(outputs: TensorMap, rows: number): string | undefined {
    for (const name of this.#signature.outputs.keys()) {
      const axis = this.#axisOf(name);
      const shape = outputs.get(name)?.shape;
      if (axis === 'same' || shape?.[axis] === rows) continue;
      const what = rows === 1 ? 'one row' : `${rows} rows`;
      return `output "${name}" has shape ${formatShape(shape)} for ${what}, so its dim ${axis} is no batch`;
    }
    return undefined;
  }

  /** Row `index` of each output. Outputs without rows are whole. */
  outputRow(outputs: TensorMap, index: number): TensorMap {
    return this.#row(outputs, index);
  }

  #row(tensors: TensorMap, index: number): TensorMap {
    const row = new Map<string, Tensor>();
    for (const [name, tensor] of tensors) {
      const axis = this.#axisOf(name);
      row.set(name, axis === 'same' ? tensor : rowAt(tensor, index, axis));
    }
    return row;
  }

  get #inputs(): readonly (readonly [string, TensorSpec])[] {
    return [...this.#signature.inputs];
  }

  #axisOf(name: string): number | 'same' {
    return this.#signature.batchAxes?.get(name) ?? 0;
  }
}

/** Inputs of one kind, such as the keys and values of all layers of a transformer, have equal free dims. */
function groupOf(name: string, { dtype, shape }: TensorSpec): string {
  return `${dtype} ${shape} ${FLAG_NAME.test(name)}`;
}

/** Rows with the same shapes can share a run. */
export function haveSameShapes(a: ProbeRow, b: ProbeRow): boolean {
  return [...a].every(([name, tensor]) => shapesEqual(tensor.shape, b.get(name)!.shape));
}
