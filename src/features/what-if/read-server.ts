/** Reads what a simulation needs of a running sidecar: its plan, its recent arrivals, and how long its models run. */
import type { ModelDetail } from '../../admin/model-detail.ts';
import type { ModelReport, ModelsReport, ProcessPlan, VersionReport } from '../../admin/models-report.ts';
import { AdminRefusal, askAdmin } from '../../cli/ask-admin.ts';
import type { AdminAddress } from '../../cli/sidecar-command.ts';
import type { BatchAxis } from '../../core/signature.ts';
import { type ArrivalsReport, readArrivals } from './arrivals.ts';
import type { MeasuredSize } from './simulation/run-times.ts';

/** A served version. */
export interface ServedModel {
  readonly name: string;
  readonly version: string;
  readonly axes: ReadonlyMap<string, BatchAxis>;
  readonly curves: ReadonlyMap<string, readonly MeasuredSize[]>;
  readonly sloMs: number | undefined;
  readonly place: 'threads' | 'loop' | 'elsewhere';
  /** Batches that it can run at once; undefined = as many as there are slots. */
  readonly sessions: number | undefined;
}

export interface ServerState {
  readonly plan: ProcessPlan;
  readonly arrivals: ArrivalsReport;
  readonly models: readonly ServedModel[];
}

/** Rejects with the system's error, AdminRefusal, or an Error with what is wrong with an answer. */
export async function readServer(from: AdminAddress, seconds: number): Promise<ServerState> {
  const arrivals = readArrivals(await askForArrivals(from, seconds));
  const report = JSON.parse((await askAdmin({ from, path: '/models' })).toString()) as ModelsReport;
  const names = new Set(arrivals.models.map(({ model }) => model));
  const models: ServedModel[] = [];
  for (const model of report.models.filter(({ name }) => names.has(name))) {
    const detail = await detailOf(from, model.name);
    for (const version of model.versions) models.push(servedModel(model, version, detail));
  }
  return { plan: report.plan, arrivals, models };
}

async function askForArrivals(from: AdminAddress, seconds: number): Promise<string> {
  try {
    return (await askAdmin({ from, path: `/arrivals?seconds=${seconds}`, timeoutMs: 30_000 })).toString();
  } catch (error) {
    if (!(error instanceof AdminRefusal) || error.status !== 404) throw error;
    throw new AdminRefusal(404, 'it does not keep its arrivals (GET /arrivals is 404): start it with this version');
  }
}

/** Undefined where the server has no console, whose part it is. */
async function detailOf(from: AdminAddress, name: string): Promise<ModelDetail | undefined> {
  try {
    return JSON.parse(
      (await askAdmin({ from, path: `/models/${encodeURIComponent(name)}` })).toString(),
    ) as ModelDetail;
  } catch (error) {
    if (error instanceof AdminRefusal && error.status === 404) return undefined;
    throw error;
  }
}

function servedModel({ name }: ModelReport, version: VersionReport, detail: ModelDetail | undefined): ServedModel {
  const { host, memory, runtime, signatures = [] } = version;
  const curves = curvesOf(version, detail);
  const axes = signatures.map((each): [string, BatchAxis] => {
    const size = curves.get(each.name)?.at(-1)?.rows ?? 1;
    return [each.name, each.batch_axis === 'fixed' ? { kind: 'fixed', size } : { kind: each.batch_axis }];
  });
  return {
    name,
    version: version.version,
    axes: new Map(axes),
    curves,
    sloMs: detail?.config.slo_ms,
    place: runtime?.kind === 'remote' ? 'elsewhere' : host?.kind === 'inline' ? 'loop' : 'threads',
    // The simulated runs have the threads of the plan with fewest.
    sessions: host?.sessions?.[0]?.sessions ?? memory?.sessions,
  };
}

/** The run times learned since the load, if the console tells them; else those measured at the load. */
function curvesOf(version: VersionReport, detail: ModelDetail | undefined): Map<string, MeasuredSize[]> {
  const curves = new Map<string, MeasuredSize[]>();
  for (const { signature, rows, free_dims, run_ms } of version.sweep ?? []) {
    // Requests have other sizes than these runs, and take other times.
    if (free_dims !== undefined) continue;
    const sizes = curves.get(signature) ?? [];
    curves.set(signature, [...sizes, { rows, meanMs: run_ms }]);
  }
  for (const sizes of curves.values()) sizes.sort((a, b) => a.rows - b.rows);
  const loaded = detail?.loaded.find((one) => one.version === version.version);
  for (const { signature, sizes } of loaded?.latency ?? []) {
    if (sizes.length === 0) continue;
    curves.set(
      signature,
      sizes.map(({ rows, mean_ms, high_ms }) => ({ rows, meanMs: mean_ms, highMs: high_ms })),
    );
  }
  return curves;
}
