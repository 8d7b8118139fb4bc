/**
 * The application and the sidecar of deploy/compose/compose.yaml, with the commands, files and limits that it gives them, in
 * containers that share one network. The images of the other services come from a registry; only their configuration is
 * looked at here.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { parse } from 'yaml';
import { type Container, execIn, removeContainers, startContainer, stop } from './containers.ts';

const FOLDER = 'deploy/compose';

interface Service {
  readonly image: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly network_mode?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly mem_limit?: string;
}

const { services } = parse(readFileSync(join(FOLDER, 'compose.yaml'), 'utf8')) as {
  services: Readonly<Record<string, Service>>;
};

afterEach(removeContainers);

/** As an absolute path of this machine, and the rest. */
function volume(text: string): { from: string; rest: string } {
  const [from, ...rest] = text.split(':');
  return { from: resolve(FOLDER, from!), rest: rest.join(':') };
}

function start(service: Service, network: string): Container {
  const { entrypoint = [], command = [], environment = {}, volumes = [], mem_limit: memory } = service;
  return startContainer([...entrypoint.slice(1), ...command], {
    network,
    ...(entrypoint[0] !== undefined && { command: entrypoint[0] }),
    options: [
      `--memory=${memory}`,
      ...Object.entries(environment).map(([name, value]) => `--env=${name}=${value}`),
      ...volumes.map(volume).map(({ from, rest }) => `--volume=${from}:${rest}`),
    ],
  });
}

describe('deploy/compose', () => {
  it('has an application that the sidecar answers', async () => {
    const { pillion, app } = services as { pillion: Service; app: Service };
    for (const { read_only: isReadOnly, cap_drop: dropped } of [pillion, app]) {
      assert.deepEqual([isReadOnly, dropped], [true, ['ALL']]);
    }
    assert.equal(app.network_mode, 'service:pillion');
    const sidecar = start(pillion, 'none');
    await sidecar.line((line) => line.event === 'ready');
    const application = start(app, `container:${sidecar.name}`);
    await application.printed('app: listening');
    const ask = `for (const url of ['http://127.0.0.1:8000/?x=1,2,5', 'http://127.0.0.1:8503/ready'])
      fetch(url).then(async (answer) => console.log(answer.status, await answer.text()))`;
    const { output } = await execIn(application.name, '/usr/bin/node', '-e', ask);
    assert.match(output, /^200 \{"predictions":\[2\.5,3\.0,4\.5\]\}$/m);
    assert.match(output, /^200 (?!\{)/m);
    assert.equal(await stop(application), 0);
    assert.equal(await stop(sidecar), 0);
  });

  it('mounts files that are there, and names the image of this version', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    for (const [name, { image, volumes = [] }] of Object.entries(services)) {
      if (image.includes('PILLION_IMAGE')) assert.ok(image.endsWith(`:${version}}`), image);
      else assert.match(image, /^docker\.io\/.+:v?\d/);
      for (const { from } of volumes.map(volume)) assert.ok(existsSync(from), `${name}: ${from}`);
    }
  });
});
