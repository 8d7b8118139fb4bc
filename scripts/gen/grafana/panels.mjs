/**
 * Panels of a Grafana dashboard in a few words each. A panel is {title, unit, queries, …}; `layOut` places rows of them
 * on Grafana's grid of 24 columns and gives each its id.
 */

const DATASOURCE = { type: 'prometheus', uid: '$datasource' };
const GRID_COLUMNS = 24;
const PANEL_HEIGHT = 8;

/**
 * Lines over time.
 * @param {string} title
 * @param {string} unit Grafana's: 's', 'bytes', 'percentunit', 'reqps', 'short'
 * @param {Readonly<Record<string, string>>} queries legend → PromQL
 * @param {{description?: string, isStacked?: boolean, hasExemplars?: boolean, max?: number}} options
 */
export function timeSeries(
  title,
  unit,
  queries,
  { description = '', isStacked = false, hasExemplars = false, max } = {},
) {
  return {
    type: 'timeseries',
    title,
    description,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(max !== undefined && { max }),
        custom: {
          fillOpacity: isStacked ? 40 : 10,
          stacking: { mode: isStacked ? 'normal' : 'none' },
          showPoints: 'never',
        },
      },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'] },
      tooltip: { mode: 'multi' },
    },
    targets: targetsOf(queries, hasExemplars),
  };
}

/** One number. */
export function stat(title, unit, query, description = '') {
  return {
    type: 'stat',
    title,
    description,
    fieldConfig: { defaults: { unit }, overrides: [] },
    options: { reduceOptions: { calcs: ['lastNotNull'] }, graphMode: 'area', colorMode: 'value' },
    targets: targetsOf({ '': query }, false),
  };
}

/** How a histogram's buckets fill over time; `query` gives one series for each `le`. */
export function heatmap(title, unit, query, description = '') {
  return {
    type: 'heatmap',
    title,
    description,
    fieldConfig: { defaults: {}, overrides: [] },
    options: {
      calculate: false,
      yAxis: { unit },
      color: { scheme: 'Blues' },
      cellGap: 1,
      tooltip: { show: true, yHistogram: true },
    },
    targets: targetsOf({ '{{le}}': query }, false).map((target) => ({ ...target, format: 'heatmap' })),
  };
}

/**
 * @param {readonly {title: string, panels: readonly object[], height?: number}[]} rows
 * @returns panels for the dashboard's JSON
 */
export function layOut(rows) {
  const placed = [];
  let y = 0;
  const add = (panel, gridPos) => placed.push({ id: placed.length + 1, ...panel, datasource: DATASOURCE, gridPos });
  for (const { title, panels, height = PANEL_HEIGHT } of rows) {
    add({ type: 'row', title, collapsed: false, panels: [] }, { x: 0, y, w: GRID_COLUMNS, h: 1 });
    const w = GRID_COLUMNS / panels.length;
    panels.forEach((panel, i) => {
      add(panel, { x: i * w, y: y + 1, w, h: height });
    });
    y += 1 + height;
  }
  return placed;
}

function targetsOf(queries, hasExemplars) {
  return Object.entries(queries).map(([legendFormat, expr], i) => ({
    refId: String.fromCharCode('A'.charCodeAt(0) + i),
    expr,
    legendFormat: legendFormat === '' ? '__auto' : legendFormat,
    datasource: DATASOURCE,
    range: true,
    ...(hasExemplars && { exemplar: true }),
  }));
}
