/**
 * npm run bench -- large: what one large body does to the small requests beside it. For each attack: the longest time
 * that the server's event loop was held, and the latency of a neighbour who asks 200 times a second over REST and gRPC.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Counts, largeBodies, type Target } from '../../test/attacks/large/large-bodies.ts';
import { startNeighbour, writeLargeModels } from '../../test/attacks/large/large-models.ts';
import { FREE_PORTS } from '../support/launcher.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const SELF = here('./large-bench.js');

if (process.send !== undefined)
  await attackFor(process.argv[2]!, JSON.parse(process.argv[3]!) as Target, Number(process.argv[4]));
else await main(process.argv.slice(2));

async function attackFor(name: string, target: Target, seconds: number): Promise<void> {
  const counts = await largeBodies()[name]!(target, seconds, new AbortController().signal);
  process.send!(counts);
  process.disconnect();
}

async function main(args: readonly string[]): Promise<void> {
  const option = (name: string, fallback: string): string =>
    args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? fallback;
  const only = new RegExp(option('only', '.'));
  const seconds = Number(option('seconds', '3'));
  const main = option('server', here('../../src/main.js'));
  const directory = mkdtempSync(join(tmpdir(), 'large-'));
  const server = fork(
    main,
    [
      'serve',
      ...FREE_PORTS,
      ...writeLargeModels(directory),
      ...args.filter((a) => a.startsWith('--set=')).map((a) => a.slice(6)),
    ],
    {
      execArgv: [...(process.env['SERVER_ARGS'] ?? '').split(' ').filter(Boolean), '--import', here('./loop-delay.js')],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      silent: false,
    },
  );
  process.once('exit', () => server.kill('SIGKILL'));
  const target = await new Promise<Target>((resolve) => {
    createInterface({ input: server.stderr! }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const ready = JSON.parse(line) as { event?: string; grpc: string[]; rest: string[] };
      if (ready.event === 'ready') resolve({ grpc: ready.grpc[0]!, rest: ready.rest[0]! });
      else if (process.env['VERBOSE']) console.error(line);
    });
  });
  const ask = async (): Promise<{ held: number; worked: number; rss: number }> => {
    server.send('?');
    return (await once(server, 'message'))[0] as { held: number; worked: number; rss: number };
  };
  console.log('attack                          loop CPU     held |  n p99     max lost | answers');
  for (const name of ['nothing', ...Object.keys(largeBodies()).filter((each) => only.test(each))]) {
    const neighbour = startNeighbour(target, 200);
    await ask();
    let counts: Counts = {};
    if (name === 'nothing') await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
    else {
      const attacker = fork(SELF, [name, JSON.stringify(target), String(seconds)]);
      attacker.once('message', (message) => {
        counts = message as Counts;
      });
      await once(attacker, 'exit');
    }
    const { held, worked, rss } = await ask();
    const { p99: late, max: latest, sent, answered } = await neighbour.stop();
    const cells = [worked, held, late, latest].map((ms) => ms.toFixed(1).padStart(8));
    console.log(
      `${name.padEnd(32)}${cells[0]} ${cells[1]}  |${cells[2]}${cells[3]} ${sent - answered} | ${JSON.stringify(counts)} ${(rss / 2 ** 20).toFixed(0)} MB`,
    );
  }
  server.kill('SIGTERM');
  await once(server, 'exit');
  rmSync(directory, { recursive: true });
}
