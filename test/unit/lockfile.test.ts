/** A checkout is installed on the laptops and servers that people have, although only linux-x64 runs the tests. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

interface LockedPackage {
  readonly optional?: boolean;

  readonly integrity?: string;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'darwin-x64'];
/** Of those, where ONNX Runtime has a library: it ended Intel Macs. */
const WITH_ONNX_RUNTIME = ['linux-x64', 'linux-arm64', 'darwin-arm64'];

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Readonly<Record<string, LockedPackage>>;
};
const locked = (name: string): LockedPackage | undefined => packages[`node_modules/${name}`];
const isFor = ({ os, cpu }: LockedPackage, platform: string): boolean =>
  os?.includes(platform.split('-')[0]!) === true && cpu?.includes(platform.split('-')[1]!) === true;

/** Packages with a part for each platform: name → its parts. */
const families = Object.entries(packages)
  .map(([path, { optionalDependencies = {} }]) => [path, Object.keys(optionalDependencies)] as const)
  .filter(([, parts]) => parts.some((part) => locked(part)?.os !== undefined));

describe('the lockfile', () => {
  it('knows the packages that have a part for each platform', () => {
    assert.ok(families.length >= 4, String(families.map(([path]) => path)));
  });

  for (const platform of PLATFORMS) {
    it(`has every such part for ${platform}`, () => {
      for (const [path, parts] of families) {
        // fsevents and its like are for one system alone.
        if (parts.length < PLATFORMS.length) continue;
        const fitting = parts.map(locked).filter((part) => part !== undefined && isFor(part, platform));
        assert.ok(fitting.length > 0, `${path} has nothing for ${platform}`);
        for (const part of fitting) {
          assert.equal(part!.optional, true);
          assert.match(part!.integrity!, /^sha512-/);
        }
      }
    });
  }

  it('has nothing that must be installed and is for one platform alone', () => {
    const bound = Object.entries(packages).filter(
      ([, each]) => each.os !== undefined && each.optional !== true && !PLATFORMS.every((one) => suits(each, one)),
    );
    assert.deepEqual(
      bound.map(([path]) => path),
      [],
    );
  });
});

function suits({ os, cpu }: LockedPackage, platform: string): boolean {
  const [system, arch] = platform.split('-');
  return os?.includes(system!) !== false && cpu?.includes(arch!) !== false;
}

describe('ONNX Runtime', () => {
  it('has a library for each platform that npm run package offers, and for no Intel Mac', () => {
    for (const platform of PLATFORMS) {
      const [system, arch] = platform.split('-');
      const binding = `node_modules/onnxruntime-node/bin/napi-v6/${system}/${arch}/onnxruntime_binding.node`;
      assert.equal(existsSync(binding), WITH_ONNX_RUNTIME.includes(platform), binding);
      const tokenizers = `node_modules/tokenizers/tokenizers.${system}-${arch}${system === 'linux' ? '-gnu' : ''}.node`;
      if (WITH_ONNX_RUNTIME.includes(platform)) assert.ok(existsSync(tokenizers), tokenizers);
    }
    const [, listed] = /^const PLATFORMS = \[(.*)\];$/m.exec(readFileSync('scripts/package.mjs', 'utf8'))!;
    assert.deepEqual(
      listed!.split(', ').map((each) => each.replaceAll("'", '')),
      WITH_ONNX_RUNTIME,
    );
  });
});
