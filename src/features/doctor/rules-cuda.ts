/** Rules about models on NVIDIA's GPUs. */
import { oldDriver } from '../../backends/onnx/cuda-machine.ts';
import type { Rule } from './rule.ts';

/** Nobody means to use CUDA where its libraries are missing. A model that does shows it by its failed load. */
export const cudaUnusable: Rule = ({ cuda }) => {
  if (cuda.libraries === undefined || cuda.problems.length === 0) return [];
  return {
    id: 'cuda_unusable',
    what: 'CUDA’s libraries are installed, but models cannot use it',
    why: cuda.problems.join('; '),
    change: 'install NVIDIA’s driver, or give this container a GPU (docs/how-to/cuda.md)',
  };
};

/** A newer CUDA may run on an older driver with NVIDIA's forward compatibility package, which is not seen from here. */
export const cudaDriverOld: Rule = ({ cuda }) => {
  const old = oldDriver(cuda);
  if (cuda.libraries === undefined || cuda.problems.length > 0 || old === undefined) return [];
  return {
    id: 'cuda_driver_old',
    what: old,
    why: 'the libraries of `pillion natives cuda` are CUDA 13’s',
    change: 'install a newer driver on the host',
  };
};
