/**
 * `pillion models`: GET /models of a running sidecar (admin/models-report.ts) as a list.
 *
 *   model   version  state      runtime  why
 *   churn   2        END        -        load_failed: "/models/churn/2": it holds no model …
 *           1        AVAILABLE  onnx
 *   digits  1        LOADING    -        the last attempt failed: …
 *
 * Exit status: 0 = every model has an AVAILABLE version; 1 = one has none, or there is no sidecar.
 */
import process from 'node:process';
import type { ModelReport, ModelsReport, VersionReport } from '../../admin/models-report.ts';
import { askAdmin, noSidecar } from '../../cli/ask-admin.ts';
import type { AdminAddress } from '../../cli/sidecar-command.ts';
import { textTable } from '../../cli/text-table.ts';
import { columnText } from '../../core/columns/told-columns.ts';
import { print } from '../../kernel/command.ts';

/** A version in the list. */
interface ListedVersion {
  readonly version: string;
  readonly state: string;
  readonly runtime?: string;
  /** Sentences; empty = it is served as its file says. */
  readonly why: readonly string[];
}

interface ListedModel {
  readonly name: string;
  readonly why: readonly string[];
  readonly versions: readonly ListedVersion[];
}

/** Resolves with the exit status once everything is printed. */
export async function listServedModels({ json, ...from }: AdminAddress & { readonly json: boolean }): Promise<number> {
  let models: readonly ListedModel[];
  try {
    const report = JSON.parse((await askAdmin({ from, path: '/models' })).toString()) as ModelsReport;
    models = report.models.map(listedModel);
  } catch (error) {
    const text =
      error instanceof SyntaxError || error instanceof TypeError
        ? new Error('something else answers there')
        : (error as Error);
    process.stderr.write(`pillion: ${noSidecar(from.admin, text)}\n`);
    return 1;
  }
  print(json ? `${JSON.stringify({ models })}\n` : modelsTable(models));
  return models.every(({ versions }) => versions.some(({ state }) => state === 'AVAILABLE')) ? 0 : 1;
}

export function listedModel({ name, error, versions }: ModelReport): ListedModel {
  return { name, why: error === undefined ? [] : [error], versions: versions.map(listedVersion) };
}

function listedVersion(report: VersionReport): ListedVersion {
  const { version, state, error, load, runtime, warnings = [], notes = [], columns = {} } = report;
  const failure = load?.last_failure;
  const why = [
    ...(error === undefined ? [] : [`${error.kind}: ${error.message}`]),
    ...(failure === undefined ? [] : [`the last attempt failed: ${failure.message}; it is retried`]),
    ...(load !== undefined && failure === undefined ? ['a load is under way'] : []),
    ...(report.left_out === true ? ['an operator has unloaded it'] : []),
    ...(report.brought_in === true ? ['an operator has loaded it'] : []),
    ...warnings,
    ...notes,
    ...featuresOf(columns),
  ];
  return { version, state, ...(runtime !== undefined && { runtime: runtime.kind }), why };
}

/** A line for each input that has columns; of many the first ones. */
function featuresOf(columns: NonNullable<VersionReport['columns']>): readonly string[] {
  return Object.values(columns)
    .flatMap((inputs) => Object.entries(inputs))
    .map(([input, list]) => {
      const more = list.length > SHOWN_FEATURES ? `, … ${list.length - SHOWN_FEATURES} more` : '';
      return `${input}: ${list.slice(0, SHOWN_FEATURES).map(columnText).join(', ')}${more}`;
    });
}

const SHOWN_FEATURES = 20;

export function modelsTable(models: readonly ListedModel[]): string {
  if (models.length === 0) return 'no model is configured\n';
  const rows = models.flatMap(({ name, why, versions }) => {
    if (versions.length === 0) return linesOf([name, '-', '-', '-'], why);
    return versions.flatMap((each, i) => {
      const { version, state, runtime = '-' } = each;
      return linesOf([i === 0 ? name : '', version, state, runtime], each.why);
    });
  });
  return `${textTable([['model', 'version', 'state', 'runtime', 'why'], ...rows]).join('\n')}\n`;
}

/** A line for each reason, the cells on the first. */
function linesOf(cells: readonly string[], why: readonly string[]): readonly (readonly string[])[] {
  const [first = '', ...others] = why.map((text) => text.replaceAll(/\s+/g, ' '));
  return [[...cells, first], ...others.map((text) => [...cells.map(() => ''), text])];
}
