/**
 * What happens between a client and a server of gRPC-Go with `pillion serve` between them, where no interop case looks:
 * test/conformance/fronted-scenarios says what each case wants.
 */
import { startApp } from './go-app.mjs';
import { runClient } from './run-client.mjs';

/** Longer than the client itself waits for anything. */
const SCENARIO_TIMEOUT_MS = 90_000;

const SCENARIOS = [
  { name: 'details_after_2mb' },
  { name: 'message_40mb' },
  { name: 'deadline_left' },
  { name: 'calls_1000' },
  { name: 'calls_1000', appArgs: ['--max_concurrent_streams=100'] },
  { name: 'app_killed' },
  { name: 'app_ages', appArgs: ['--max_connection_age=1s', '--max_connection_age_grace=2s'] },
  { name: 'clients_age' },
  { name: 'pings' },
  { name: 'silence', appArgs: ['--keepalive_time=1s'] },
];

/**
 * Each with a server and an application of its own. Resolves with how many failed.
 * @param {{client: string, server: string}} programs
 * @param {(args: string[]) => Promise<object>} startSidecar
 * @param {(name: string, problem: string | undefined) => number} report gives 1 for a failure
 */
export async function runScenarios(programs, startSidecar, report) {
  let failed = 0;
  for (const { name, appArgs = [] } of SCENARIOS) {
    const { output, problem } = await runScenario(programs, startSidecar, name, appArgs);
    failed += report(`${[name, ...appArgs].join(' ')}: ${/^ok: (.*)/m.exec(output)?.[1]}`, problem);
  }
  return failed;
}

async function runScenario({ client, server }, startSidecar, name, appArgs) {
  let app = await startApp(server, appArgs);
  const { port } = app;
  let isStepFailed;
  const steps = {
    'step kill': () => app.kill(),
    'step return': async () => {
      app = await startApp(server, [...appArgs, `--port=${port}`]);
    },
  };
  const onLine = (line) => {
    steps[line]?.().catch((error) => {
      isStepFailed = `${line}: ${error.message}`;
    });
  };
  try {
    const sidecar = await startSidecar([`--app=h2c://127.0.0.1:${port}`]);
    const args = [`--case=${name}`, `--server=${sidecar.grpc}`, `--app=127.0.0.1:${port}`];
    const { output, problem } = await runClient(client, args, { onLine, timeoutMs: SCENARIO_TIMEOUT_MS });
    const status = await sidecar.stop();
    const ended = status === 0 ? undefined : `pillion serve ended with ${status}:\n${sidecar.output()}`;
    return { output, problem: problem ?? isStepFailed ?? ended };
  } finally {
    await app.kill();
  }
}
