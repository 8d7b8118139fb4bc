import { type Command, print, UsageError } from '../../kernel/command.ts';

export const nativesCommand: Command = {
  name: 'natives',
  shown: 'natives tfjs|cuda',
  usage: [
    "natives tfjs         fetches and builds the libraries that TensorFlow's formats need",
    "natives cuda         fetches the libraries that ONNX models on NVIDIA's GPUs need",
  ],
  help: () => `pillion natives: libraries that are too large for Pillion's package

  pillion natives tfjs    tfjs-node and libtensorflow, for models of TensorFlow's formats. Fetches 350 MB, compiles the
                          binding, and takes 1.1 GB. Needs g++ and patch.
  pillion natives cuda    ONNX Runtime for NVIDIA's GPUs, and NVIDIA's libraries. Fetches 1.6 GB, and takes 2.4 GB. Needs
                          neither a GPU nor a driver.

All is pinned by hashes, and goes into PILLION_NATIVES_DIRECTORY, or ~/.cache/pillion/natives, where serve finds it.
Prints the folder; does nothing if it is there. Of two at once the second waits for the first. Both need Linux on x86-64
with glibc, and python3 with pip.
`,
  async run(args) {
    const say = (line: string): void => print(`${line}\n`);
    if (args.join(' ') === 'tfjs') say((await import('../tfjs-natives.ts')).prepareTfjsNatives(say));
    else if (args.join(' ') === 'cuda') say((await import('../cuda-natives.ts')).prepareCudaNatives(say));
    else throw new UsageError(['pillion natives wants "tfjs" or "cuda", and nothing else'], 'natives');
    return 0;
  },
};
