/**
 * The libraries with which ONNX Runtime computes on NVIDIA's GPUs. They are too large for Pillion's packages (2.4 GB):
 * `pillion natives cuda` (prepare-cuda.ts) puts them beside TensorFlow's.
 *
 * ONNX Runtime itself is among them: onnxruntime-node's is built with another CUDA. A process whose LD_LIBRARY_PATH begins
 * with the folder loads this one through onnxruntime-node's binding, which finds its library by name, and this one finds
 * its provider beside itself. Both have the same version, so the binding's C API is the same.
 */
import { join } from 'node:path';
import { nativesDirectory } from '../natives-directory.ts';

/** The folder's name: ONNX Runtime's version and a hash of the recipe, which the command checks. */
export const CUDA_NATIVES = 'cuda-onnxruntime-1.30.0-1e230be0';

/** The libraries that are loaded by name; cuDNN and NVRTC load further ones that lie beside them. */
export const CUDA_LIBRARIES: readonly string[] = [
  ...['libonnxruntime.so.1', 'libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'],
  ...['libcudart.so.13', 'libcublas.so.13', 'libcublasLt.so.13', 'libcurand.so.10', 'libcufft.so.12'],
  ...['libnvrtc.so.13', 'libcudnn.so.9'],
];

/** The directory of the libraries, if they are installed. */
export function cudaLibraryDirectory(): string {
  return join(nativesDirectory(), CUDA_NATIVES, 'lib');
}
