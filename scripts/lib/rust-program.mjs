/** Builds a Rust program into .cache/rust. Its Cargo.lock pins what it is built from, and cargo checks the hashes. */
import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { root, say } from './setup.mjs';

/**
 * Builds it unless that version is there; cargo sees to that. Returns its path. Ends this process, with the reason
 * said, when it cannot be had.
 * @param {{name: string, directory: string, megabytes: number, tools: readonly string[]}} program name of the package;
 *     directory of its Cargo.toml, relative to the root; what is fetched the first time; programs that the build runs,
 *     beside cargo
 */
export function ensureRustProgram({ name, directory, megabytes, tools }) {
  // Rustup puts it there, which is in the PATH of new shells alone.
  const path = [process.env['PATH'], join(homedir(), '.cargo', 'bin')].join(delimiter);
  const env = { ...process.env, PATH: path, CARGO_TARGET_DIR: join(root, '.cache', 'rust', name) };
  const missing = ['cargo', ...tools].filter((tool) => spawnSync(tool, ['--version'], { env }).error !== undefined);
  if (missing.length > 0) {
    const wanted = `Rust's cargo 1.85 or newer (https://rustup.rs), ${tools.join(', ')}`;
    console.error(`${name} is written in Rust and needs ${wanted}; missing: ${missing.join(', ')}`);
    process.exit(1);
  }
  say(
    `Building ${name} (the first time, fetches about ${megabytes} MB of crates, takes some minutes, and 1 GB of disk)`,
  );
  const { status } = spawnSync('cargo', ['build', '--quiet', '--locked'], {
    cwd: join(root, directory),
    stdio: 'inherit',
    env,
  });
  if (status !== 0) {
    console.error(`cargo build failed (exit status ${status})`);
    process.exit(1);
  }
  return join(env.CARGO_TARGET_DIR, 'debug', name);
}
