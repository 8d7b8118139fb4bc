/** Reports of features: a page of the whole server's, and sections of a model's page. The server says what is in them. */
import type { Report, ReportColumn, ReportTable } from '../../../../ledger/report.ts';
import type { ReportParts } from '../../report-paths.ts';
import { getJson } from '../api.ts';
import { bytes, count, duration, percent } from '../format.ts';
import { ticks } from '../live.ts';
import { Empty, Failure, Loading, Panel, Scroll, Words } from '../parts.tsx';
import { modelLink } from '../route.ts';
import { useLoaded } from '../use-loaded.ts';
import { Graph } from './graph.tsx';

/** Seconds between two requests for a report. */
const EVERY = 3;

/** Changes when a report is to be loaded again: not while the server is away. */
const turn = (): number => Math.floor((ticks.value.at(-1)?.at_ms ?? 0) / 1000 / EVERY);

export function ReportPage({ name }: { name: string }) {
  const path = `/reports/${encodeURIComponent(name)}`;
  const { value, error, again } = useLoaded((signal) => getJson<ReportParts>(path, signal), `${name} ${turn()}`);
  return (
    <>
      <div class="page-head">
        <h1>{value?.title ?? name}</h1>
        <p class="sub">{value?.parts[0]?.covers ?? '\u00a0'}</p>
      </div>
      {error !== undefined && <Failure error={error} again={again} />}
      {value === undefined && error === undefined && <Loading rows={6} />}
      {value !== undefined && (
        <Panel title="In words">
          <Words sentences={value.parts.flatMap(({ sentences }) => sentences)} />
        </Panel>
      )}
      {value?.parts.map((part, i) => (
        <Parts key={`${value.name} ${i}`} report={part} />
      ))}
    </>
  );
}

/** The sections of a model; nothing while there is none, or the server cannot be asked. */
export function ModelReports({ model }: { model: string }) {
  const path = `/reports?model=${encodeURIComponent(model)}`;
  const { value } = useLoaded(
    (signal) => getJson<{ reports: readonly ReportParts[] }>(path, signal),
    `${model} ${turn()}`,
  );
  return (
    <>
      {value?.reports.flatMap(({ name, title, parts }) =>
        parts.map((part) => <Section key={name} title={title} report={part} />),
      )}
    </>
  );
}

function Section({ title, report: { covers, sentences, graph, tables = [] } }: { title: string; report: Report }) {
  return (
    <>
      <Panel title={title} aside={covers}>
        <Words sentences={sentences} />
        {graph !== undefined && <Graph graph={graph} />}
      </Panel>
      <div class="columns">
        <TablePanels tables={tables} />
      </div>
    </>
  );
}

function Parts({ report: { graph, tables = [] } }: { report: Report }) {
  return (
    <>
      {graph !== undefined && (
        <Panel title={graph.title}>
          <Graph graph={graph} />
        </Panel>
      )}
      <TablePanels tables={tables} />
    </>
  );
}

function TablePanels({ tables }: { tables: readonly ReportTable[] }) {
  return (
    <>
      {tables.map((table) => (
        <Panel key={table.title} title={table.title}>
          <Table table={table} />
        </Panel>
      ))}
    </>
  );
}

const isNumber = ({ unit }: ReportColumn): boolean => unit !== 'text' && unit !== 'model';

function Table({ table: { title, columns, rows, empty } }: { table: ReportTable }) {
  if (rows.length === 0) return <Empty title={empty} />;
  return (
    <Scroll label={title}>
      <table class="report">
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.key} scope="col" class={isNumber(column) ? 'number' : ''}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={`${i} ${row[columns[0]!.key]}`}>
              {columns.map((column, at) => {
                const { key } = column;
                const shown = <Cell value={row[key]} unit={column.unit} />;
                return at === 0 ? (
                  <th key={key} scope="row">
                    {shown}
                  </th>
                ) : (
                  <td key={key} class={isNumber(column) ? 'number' : ''}>
                    {shown}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Cell({ value, unit }: { value: string | number | undefined; unit: ReportColumn['unit'] }) {
  if (value === undefined) return <>–</>;
  if (typeof value === 'number') return <>{numberText(value, unit)}</>;
  if (unit !== 'model') return <>{value}</>;
  return (
    <a class="row-link" href={modelLink(value)}>
      {value}
    </a>
  );
}

function numberText(value: number, unit: ReportColumn['unit']): string {
  switch (unit) {
    case 'rate':
      return `${count(value)}/s`;
    case 'ms':
      return duration(value);
    case 'bytes':
      return bytes(value);
    case 'share':
      return percent(value);
    default:
      return count(value);
  }
}
