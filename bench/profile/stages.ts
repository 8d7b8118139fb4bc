/**
 * A stack sampled by perf → the stage of the request path that it was in: the innermost frame that tells decides.
 *
 *   __tcp_transmit_skb │ … │ __libc_write │ node::StreamBase::Write │ JS:*flush …/http2/output-queue.js │ …
 *   └ of the kernel, below a write: "kernel: write"
 */
export type Stage =
  | 'kernel: write'
  | 'kernel: read'
  | 'kernel: wait for events'
  | 'kernel: other'
  | 'ONNX Runtime'
  | "V8's collector"
  | "V8's compiler"
  | "node's streams and event loop"
  | 'HTTP/2'
  | 'gRPC and protobuf'
  | 'HTTP/1.1 and JSON'
  | 'request lifecycle and handlers'
  | 'scheduler'
  | 'host and backend'
  | 'models'
  | 'telemetry'
  | 'core: clocks, errors, heaps'
  | 'promises and other of V8';

/** The stages of our own files, by where they lie; the first that fits counts. */
const FOLDERS: readonly (readonly [RegExp, Stage])[] = [
  [/\/dist\/proxy\/http2\//, 'HTTP/2'],
  [/\/dist\/proxy\/grpc\//, 'gRPC and protobuf'],
  [/\/dist\/proxy\/http\//, 'HTTP/1.1 and JSON'],
  [/\/dist\/proxy\//, 'request lifecycle and handlers'],
  [/\/dist\/scheduler\//, 'scheduler'],
  [/\/dist\/backends\/|onnxruntime/, 'host and backend'],
  [/\/dist\/models\//, 'models'],
  [/\/dist\/ledger\/|\/node_modules\/(?:pino|prom-client|@opentelemetry)\//, 'telemetry'],
  [/\/dist\/core\//, 'core: clocks, errors, heaps'],
  [/JS:\S* node:/, "node's streams and event loop"],
];

const COLLECTOR = /Scaveng|MarkCompact|MarkingVisitor|ConcurrentMarking|Sweep|CollectGarbage|MinorGC/;
const COMPILER = /v8::internal::(?:compiler|maglev|baseline|interpreter)::|OptimizedCompilationJob|CompileLazy/;

/** `stack` from the innermost frame out, "symbol (file)" each. */
export function stageOf(stack: readonly string[]): Stage {
  const innermost = stack[0]!;
  if (innermost.includes('[kernel')) return kernelStage(stack);
  if (innermost.includes('libonnxruntime.so')) return 'ONNX Runtime';
  for (const frame of stack) {
    if (COLLECTOR.test(frame)) return "V8's collector";
    if (COMPILER.test(frame)) return "V8's compiler";
    if (!frame.includes('JS:')) continue;
    const folder = FOLDERS.find(([path]) => path.test(frame));
    if (folder !== undefined) return folder[1];
  }
  if (stack.some((frame) => frame.includes('libonnxruntime.so'))) return 'ONNX Runtime';
  if (stack.some((frame) => /\b(?:uv__|node::)/.test(frame)) && !stack.some((frame) => /RunMicrotasks/.test(frame))) {
    return "node's streams and event loop";
  }
  return 'promises and other of V8';
}

function kernelStage(stack: readonly string[]): Stage {
  if (stack.some((frame) => /\b(?:ksys_write|__libc_write|vfs_write)/.test(frame))) return 'kernel: write';
  if (stack.some((frame) => /\b(?:ksys_read|vfs_read)/.test(frame))) return 'kernel: read';
  if (stack.some((frame) => /epoll/.test(frame))) return 'kernel: wait for events';
  return 'kernel: other';
}
