/**
 * `import { … } from 'pillion/backend'`: the interface of a backend, and what those that are built in share. A plug-in
 * may use it, and need not: docs/how-to/add-a-backend.md.
 */
export type {
  Backend,
  BackendLog,
  BackendMetrics,
  LoadOptions,
  LoadSettings,
  ModelParameters,
  ProfiledSession,
  RowVerdict,
  RunOptions,
  RunSync,
  Session,
} from '../backends/backend.ts';
export { batchAxisCandidate, type TensorMetadata } from '../backends/batch-axis.ts';
export { checkParameters } from '../backends/load-options.ts';
export type { RunOps } from '../backends/op-profile.ts';
export { checkRun, checkShapes } from '../backends/session-runs.ts';
export {
  bytesPerElement,
  DTYPES,
  type DType,
  type NumericDType,
  type TypedArray,
  typedArrayOf,
} from '../core/dtype.ts';
export { type ErrorKind, ServingError } from '../core/errors.ts';
export { elementCount, formatShape, type Shape } from '../core/shape.ts';
export { type BatchAxis, DEFAULT_SIGNATURE_NAME, type Signature, type TensorSpec } from '../core/signature.ts';
export {
  elements,
  type NumericTensor,
  numericTensor,
  type StringTensor,
  stringTensor,
  type Tensor,
  type TensorMap,
} from '../core/tensor.ts';
