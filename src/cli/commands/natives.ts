import type { NativeLibraries } from '../../backends/native-steps.ts';
import { type Command, print, UsageError } from '../../kernel/command.ts';
import type { FeatureList } from '../../kernel/feature.ts';

/** The kernel's own. */
const CUDA: NativeLibraries = {
  name: 'cuda',
  usage: "fetches the libraries that ONNX models on NVIDIA's GPUs need",
  help: `ONNX Runtime for NVIDIA's GPUs, and NVIDIA's libraries. Fetches 1.6 GB, and takes 2.4 GB. Needs
                          neither a GPU nor a driver.`,
  prepare: async (tell) => (await import('../../backends/onnx/prepare-cuda.ts')).prepareCudaNatives(tell),
};

export function nativesCommand(features: FeatureList): Command {
  const all = [...features.features.flatMap(({ natives = [] }) => natives), CUDA];
  const names = all.map(({ name }) => name);
  return {
    name: 'natives',
    shown: `natives ${names.join('|')}`,
    words: names,
    usage: all.map(({ name, usage }) => `${`natives ${name}`.padEnd(20)} ${usage}`),
    help: () => `pillion natives: libraries that are too large for Pillion's package

${all.map(({ name, help }) => `  pillion natives ${name}    ${help}`).join('\n')}

All is pinned by hashes, and goes into PILLION_NATIVES_DIRECTORY, or ~/.cache/pillion/natives, where serve finds it.
Prints the folder; does nothing if it is there. Of two at once the second waits for the first. ${all.length > 1 ? 'Both need' : 'Needs'} Linux on x86-64
with glibc, and python3 with pip.
`,
    async run(args) {
      const say = (line: string): void => print(`${line}\n`);
      const wanted = all.find(({ name }) => args.length === 1 && name === args[0]);
      if (wanted === undefined) {
        const known = names.map((name) => `"${name}"`).join(' or ');
        throw new UsageError([`pillion natives wants ${known}, and nothing else`], 'natives');
      }
      say(await wanted.prepare(say));
      return 0;
    },
  };
}
