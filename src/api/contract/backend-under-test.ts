/** A backend as it comes to the suite of backend-contract.ts, and the same with its defaults filled in. */
import { DTYPES, type DType } from '../../core/dtype.ts';
import type { BatchAxis } from '../../core/signature.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import { assertSameTensor, tensorOf } from './contract-tensors.ts';

/** A model that the suite needs. */
export interface TestModel {
  readonly dtype: DType;
  /** Dims of the input, and of every output that is a copy. 'N' in front = a free batch dim; a number = a fixed one. */
  readonly dims: readonly (number | 'N')[];
  readonly outputs: readonly string[];
  /** True: the model has about a megabyte of weights, if its format has any. */
  readonly isHeavy?: boolean;
}

/** Dims of a model's input, and the batch axis that its signature has then. */
export interface AxisCase {
  readonly dims: TestModel['dims'];
  readonly axis: BatchAxis;
}

export interface BackendUnderTest {
  /** The name that a model's config has for the backend. */
  readonly kind: string;
  /** The URL of its module, for a backend that is built in. Default: kind. */
  readonly module?: string;
  /** The dtypes that the input of its models may have. Most tests use float32, or the first if it is not there. */
  readonly dtypes: readonly DType[];
  /** Dtypes that its files can declare, and with which they must not load. Default: all that `dtypes` has not. */
  readonly refusedDTypes?: readonly DType[];
  /** The batch axes that its models may have. Most tests use the dims of the first, a dynamic one. Default: AXES. */
  readonly axes?: readonly AxisCase[];
  /** The name of the input. Default: 'x'. */
  readonly inputName?: string;
  /** The outputs that one model can have together, at least one. Default: a, b and c. */
  readonly outputNames?: readonly string[];
  /**
   * The answer of its models. It must depend on a row's first value, of strings the number's text. A NaN need not have
   * its bits. Default: each output is a copy of the input.
   */
  readonly answer?: (x: Tensor, output: string) => Tensor;
  /** Do string elements hold any bytes? If not: UTF-8 without NUL, and other bytes are an `invalid_request`. */
  readonly hasByteStrings: boolean;
  /** Shapes that the model does not declare are refused. If not, the graph decides, and one that copies answers. */
  readonly refusesShapes: boolean;
  /** An execution provider that this machine does not have. */
  readonly missingProvider: string;
  writeModel(directory: string, model: TestModel): void;
  /** Writes an artifact that cannot be opened, and returns the name of its file. */
  writeCorruptModel(directory: string): string;
}

const AXES: readonly AxisCase[] = [
  { dims: ['N', 2], axis: { kind: 'dynamic' } },
  { dims: [4, 2], axis: { kind: 'fixed', size: 4 } },
  { dims: [], axis: { kind: 'none' } },
];

/** A backend under test, without gaps. */
export class Subject {
  readonly backend: BackendUnderTest;
  readonly input: string;
  /** The outputs of one model. */
  readonly outputs: readonly string[];
  readonly axes: readonly AxisCase[];
  readonly refusedDTypes: readonly DType[];
  /** The dtype of the input in most tests. */
  readonly dtype: DType;
  /** Dims of the input in most tests: 'N', and the shape of a row. */
  readonly dims: TestModel['dims'];
  /** The shape of a row. */
  readonly row: readonly number[];
  /** The model of most tests: it has `dtype`, `dims` and one output. */
  readonly plain: TestModel;

  constructor(backend: BackendUnderTest) {
    const { inputName = 'x', outputNames = ['a', 'b', 'c'], axes = AXES, dtypes } = backend;
    this.backend = backend;
    this.input = inputName;
    this.outputs = outputNames;
    this.axes = axes;
    this.refusedDTypes = backend.refusedDTypes ?? DTYPES.filter((dtype) => !dtypes.includes(dtype));
    this.dtype = dtypes.includes('float32') ? 'float32' : dtypes[0]!;
    this.dims = axes[0]!.dims;
    this.row = this.dims.slice(1) as readonly number[];
    this.plain = this.model(this.dtype, this.dims);
  }

  /** A model with one output. */
  model(dtype: DType, dims: TestModel['dims']): TestModel {
    return { dtype, dims, outputs: this.outputs.slice(0, 1) };
  }

  /** An input of so many rows, which begins with these values. */
  rows(count: number, ...values: readonly number[]): Tensor {
    return tensorOf(this.dtype, [count, ...this.row], values);
  }

  feed(x: Tensor): TensorMap {
    return new Map([[this.input, x]]);
  }

  /** The output is what a model answers to x; by default the first. */
  assertAnswer(output: Tensor | undefined, x: Tensor, name = this.outputs[0]!): void {
    const { answer } = this.backend;
    if (answer === undefined) assertSameTensor(output, x);
    else assertSameTensor(output, answer(x, name), { isAnyNan: true });
  }
}
