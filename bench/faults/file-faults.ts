/** Faults of files: models that are broken, disks that are full, lists that change. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Fault, Stage } from './fault.ts';
import { NEIGHBOUR, NEIGHBOUR_BASE } from './fault-server.ts';
import { addVersion, onnxVictim, VICTIM } from './victim-models.ts';
import { pause, until } from './waiting.ts';

const NO_LOSS = { allowedRefusals: 0, allowedLoss: 0 };
const POLLING = ['--file_system_poll_wait_seconds=1', '--max_num_load_retries=0'];
const RELOADS = 200;
const RELOAD_EVERY_MS = 20;

const model = (): Buffer => readFileSync(`${NEIGHBOUR_BASE}/1/model.onnx`);
const garbage = (): Buffer => Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251));
const isRoot = (): string | undefined => (process.geteuid?.() === 0 ? undefined : 'needs root, to mount a small disk');

export const FILE_FAULTS: readonly Fault[] = [
  brokenVersion('a corrupt model file', 'a new version of 5,000 wrong bytes', garbage),
  brokenVersion('a truncated model file', 'a new version with half of its bytes', () =>
    model().subarray(0, model().length / 2),
  ),
  {
    name: 'a model file is swapped under load',
    injection: 'the served version’s file is overwritten in place with wrong bytes, and put back',
    expectation: 'the loaded version answers',
    times: 10,
    ...NO_LOSS,
    server: (directory) => ({ args: [onnxVictim(directory), ...POLLING] }),
    async inject({ server, directory }) {
      const path = join(directory, VICTIM, '1', 'model.onnx');
      const before = readFileSync(path);
      writeFileSync(path, garbage());
      for (let i = 0; i < 10; i++) await requireAnswer(server.predict(VICTIM, 2));
      writeFileSync(path, before);
    },
  },
  {
    name: 'the disk of request log and state is full',
    injection: 'every byte of a small tmpfs is taken, and given back',
    expectation: 'this is said once; records are written again afterwards',
    times: 1,
    ...NO_LOSS,
    isImpossible: isRoot,
    server(directory) {
      const disk = smallDisk(directory);
      return {
        hasNeighbour: true,
        args: [
          `--model=${NEIGHBOUR}=${NEIGHBOUR_BASE},log=${join(disk, 'logs', 'n')},log_rate=1`,
          `--state_dir=${join(disk, 'state')}`,
          '--request_log_file_bytes=20000',
          '--request_log_max_mib=1',
        ],
      };
    },
    async inject({ server, directory }) {
      const from = server.lines.length;
      const filler = join(directory, 'disk', 'filler');
      execFileSync('sh', ['-c', `cat /dev/zero > ${filler} 2> /dev/null || true`]);
      await server.line('it says so', ({ msg }) => msg?.includes('request log cannot be written') === true, from);
      rmSync(filler);
      await server.line('records are written again', ({ msg }) => msg === 'the request log is written again', from);
      const said = server.lines.slice(from).filter(({ msg }) => msg?.includes('request log cannot be written'));
      if (said.length > 1) throw new Error(`it was said ${said.length} times`);
    },
    cleanUp: (directory) => execFileSync('umount', [join(directory, 'disk')]),
  },
  {
    name: 'standard error is on a full disk',
    injection: '2>/dev/full, from the start',
    expectation: 'nothing is kept waiting, and the server ends by itself',
    times: 1,
    ...NO_LOSS,
    server: () => ({ standardError: '/dev/full', args: ['--log_level=debug'] }),
    inject: () => pause(2000),
  },
  {
    name: 'a storm of reloads',
    injection: `${RELOADS} SIGHUPs, ${RELOAD_EVERY_MS} ms apart, under a list that gains and loses a model`,
    expectation: 'the last list is served',
    times: 1,
    ...NO_LOSS,
    server(directory) {
      writeList(directory, false);
      return { hasNeighbour: true, args: [`--model_config_file=${join(directory, 'models.config')}`] };
    },
    inject: reloadStorm,
  },
];

function brokenVersion(name: string, injection: string, bytes: () => Buffer): Fault {
  return {
    name,
    injection,
    expectation: 'it is refused, and the old version answers',
    times: 5,
    ...NO_LOSS,
    server: (directory) => ({ args: [onnxVictim(directory), ...POLLING] }),
    async inject({ server, directory }, i) {
      const from = server.lines.length;
      addVersion(directory, i + 2, (path) => writeFileSync(join(path, 'model.onnx'), bytes()));
      const version = String(i + 2);
      await server.line('the load fails', (line) => line['version'] === version && line['err'] !== undefined, from);
      await requireAnswer(server.predict(VICTIM, 2));
      const versions = (await server.versionsOf(VICTIM)).join();
      if (versions !== '1') throw new Error(`the versions ${versions} are served`);
    },
  };
}

async function reloadStorm({ server, directory }: Stage): Promise<void> {
  for (let i = 0; i < RELOADS; i++) {
    writeList(directory, i % 2 === 0);
    process.kill(server.pid, 'SIGHUP');
    await pause(RELOAD_EVERY_MS);
  }
  writeList(directory, true);
  process.kill(server.pid, 'SIGHUP');
  await until('the last list is served', async () => (await server.predict(VICTIM, 2)) === 200);
}

/** Writes the list by renaming, as lists must be written. */
function writeList(directory: string, hasVictim: boolean): void {
  const names = hasVictim ? [NEIGHBOUR, VICTIM] : [NEIGHBOUR];
  const configs = names.map((name) => `config { name: "${name}" base_path: "${NEIGHBOUR_BASE}" }`);
  writeFileSync(join(directory, 'draft'), `model_config_list { ${configs.join(' ')} }\n`);
  renameSync(join(directory, 'draft'), join(directory, 'models.config'));
}

function smallDisk(directory: string): string {
  const disk = join(directory, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]);
  return disk;
}

async function requireAnswer(answer: Promise<number>): Promise<void> {
  const status = await answer;
  if (status !== 200) throw new Error(`the victim heard ${status}`);
}
