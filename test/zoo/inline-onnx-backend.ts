/**
 * Backend `onnx` as a plug-in that computes on the event loop. The server tries a model on a thread of its own before it
 * runs it there, which costs a quarter of a second of CPU: too much for 3,000 models of a few microseconds a run.
 */
import type { Backend } from '../../src/backends/backend.ts';
import { judgeGraph } from '../../src/backends/onnx/graph/judge-graph.ts';
import { findModelFile } from '../../src/backends/onnx/model-file.ts';
import { backend as onnx } from '../../src/backends/onnx/onnx-backend.ts';

export const backend: Backend = {
  ...onnx,
  mustRunIn: 'inline',
  judgeRows: async (directory, axes) => judgeGraph(await findModelFile(directory), axes),
};
