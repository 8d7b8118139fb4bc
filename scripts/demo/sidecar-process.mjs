/** The sidecar as a child process: starts it, learns its ports from its log, ends it as an orchestrator would. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { LAUNCH_FLAGS } from '../lib/bundle/launch-flags.mjs';
import { root } from '../lib/setup.mjs';

/**
 * @param {string[]} args of `serve`, after free ports were asked for
 * @param {Record<string, string>} environment added to ours
 */
export async function startSidecar(args, environment = {}) {
  const child = spawn(process.execPath, [...LAUNCH_FLAGS, 'dist/bundle/main.cjs', 'serve', ...args], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  const lines = [];
  const addresses = await new Promise((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (text) => {
      lines.push(text);
      const line = parse(text);
      if (line?.event === 'ready') resolve(line);
    });
    void exited.then((code) =>
      reject(new Error(`the sidecar ended (${code}) before it was ready:\n${lines.join('\n')}`)),
    );
  });
  return {
    child,
    lines,
    addresses,
    /** SIGTERM, then its exit status. */
    async stop() {
      child.kill('SIGTERM');
      return exited;
    },
    exited,
  };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
