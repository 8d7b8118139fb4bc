/** The table of all models: their states and their traffic. It can be sorted by each column, and searched. */
import { useState } from 'preact/hooks';
import type { ModelReport } from '../../../../admin/models-report.ts';
import type { LiveTick } from '../../live-report.ts';
import { count, duration, percent } from '../format.ts';
import { isCounting, models } from '../live.ts';
import { goodput, summarize, type WindowSummary } from '../live-window.ts';
import { Empty, Loading, Scroll } from '../parts.tsx';
import { Sparkline } from '../plots/time-plots.tsx';
import { modelLink } from '../route.ts';
import { stateOf } from './version-state.tsx';

/** Fewer models are found by looking. */
const LEAST_SEARCHED = 8;

interface Row {
  readonly model: ModelReport;
  readonly summary: WindowSummary;
}

/** A column with a number. Models are sorted by `value`, from the side that wants attention first. */
interface Column {
  readonly title: string;
  readonly value: (summary: WindowSummary) => number | undefined;
  readonly text: (summary: WindowSummary) => string;
  readonly isLowestFirst?: boolean;
}

const COLUMNS: readonly Column[] = [
  {
    title: 'Requests',
    value: ({ requests }) => requests,
    text: ({ requests, seconds }) => `${count(requests / seconds)}/s`,
  },
  { title: 'Goodput', value: goodput, text: (summary) => percent(goodput(summary)), isLowestFirst: true },
  { title: 'p50', value: ({ p50Ms }) => p50Ms, text: ({ p50Ms }) => duration(p50Ms) },
  { title: 'p99', value: ({ p99Ms }) => p99Ms, text: ({ p99Ms }) => duration(p99Ms) },
  { title: 'Queue', value: ({ queuedRows }) => queuedRows, text: ({ queuedRows }) => count(queuedRows) },
];

interface ModelsTableProps {
  /** What the numbers cover. */
  readonly ticks: readonly LiveTick[];
  readonly plotted: readonly LiveTick[];
}

export function ModelsTable({ ticks, plotted }: ModelsTableProps) {
  const [searched, search] = useState('');
  const [sortedBy, sortBy] = useState<Column>();
  const report = models.value;
  if (report === undefined) return <Loading />;
  if (report.models.length === 0) return <NoModels />;
  const shown = report.models.filter(({ name }) => name.toLowerCase().includes(searched.toLowerCase()));
  const rows = shown.map((model): Row => ({ model, summary: summarize(ticks, { model: model.name }) }));
  return (
    <>
      {report.models.length >= LEAST_SEARCHED && (
        <div class="filters">
          <label class="field inline">
            Name has
            <input type="search" value={searched} onInput={(event) => search(event.currentTarget.value)} />
          </label>
          <span class="muted">{`${shown.length} of ${report.models.length}`}</span>
        </div>
      )}
      <Scroll label="Models">
        <table class="models">
          <Head sortedBy={sortedBy} sortBy={sortBy} />
          <tbody>
            {(sortedBy === undefined ? rows : sorted(rows, sortedBy)).map(({ model, summary }) => (
              <ModelRow key={model.name} model={model} summary={summary} plotted={plotted} />
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}

/** Rows without a value are last. */
export function sorted(rows: readonly Row[], { value, isLowestFirst }: Column): readonly Row[] {
  const sign = isLowestFirst ? 1 : -1;
  const rank = ({ summary }: Row): number => {
    const found = value(summary);
    return found === undefined ? Infinity : sign * found;
  };
  return rows.toSorted((a, b) => {
    const [first, second] = [rank(a), rank(b)];
    return first === second ? 0 : first - second;
  });
}

interface HeadProps {
  readonly sortedBy: Column | undefined;
  readonly sortBy: (column: Column | undefined) => void;
}

function Head({ sortedBy, sortBy }: HeadProps) {
  return (
    <thead>
      <tr>
        <th>Model</th>
        <th>Versions</th>
        <th class="wide">Last minutes</th>
        {COLUMNS.map((column) => {
          const isChosen = column === sortedBy;
          const order = column.isLowestFirst ? 'ascending' : 'descending';
          return (
            <th key={column.title} class="number" aria-sort={isChosen ? order : 'none'}>
              <button type="button" class="sort" onClick={() => sortBy(isChosen ? undefined : column)}>
                {column.title}
                <span aria-hidden="true">{isChosen ? (column.isLowestFirst ? ' ↑' : ' ↓') : ''}</span>
              </button>
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

function ModelRow({ model, summary, plotted }: Row & { plotted: readonly LiveTick[] }) {
  const isKnown = isCounting.value && summary.seconds > 0;
  return (
    <tr>
      <td class="name">
        <a class="row-link" href={modelLink(model.name)}>
          {model.name}
        </a>
      </td>
      <td>{stateOf(model)}</td>
      <td class="wide">
        <Sparkline ticks={plotted} model={model.name} />
      </td>
      {COLUMNS.map(({ title, text }) => (
        <td key={title} class="number">
          {isKnown ? text(summary) : '–'}
        </td>
      ))}
    </tr>
  );
}

function NoModels() {
  return (
    <Empty title="No model is served">
      <p>
        Start with <code>--model=NAME=DIRECTORY</code>, or reload a configuration that lists some.
      </p>
    </Empty>
  );
}
