/** Places a graph's nodes in layers from top to bottom: each below all that lead to it. Sizes in pixels. Pure. */
import type { ReportGraph } from '../../../../ledger/report.ts';

export const NODE = { width: 168, height: 48 } as const;
const GAP = { x: 24, y: 44 } as const;
const MARGIN = 4;

export interface PlacedNode {
  readonly title: string;
  readonly note: string | undefined;
  /** The upper left corner. */
  readonly x: number;
  readonly y: number;
}

export interface PlacedEdge {
  readonly path: string;
  readonly label: string;
  /** The middle of the label. */
  readonly x: number;
  readonly y: number;
}

export interface PlacedGraph {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
}

export function placeGraph({ nodes, edges }: ReportGraph): PlacedGraph {
  const layerOf = layersOf(nodes.length, edges);
  const layers = Math.max(0, ...layerOf) + 1;
  const lines = joined(edges);
  // A line that passes a layer has a place there like a node, so that it passes beside the nodes.
  const places = Array.from({ length: layers }, (_, layer) => [
    ...nodes.flatMap((_, i) => (layerOf[i] === layer ? [`node ${i}`] : [])),
    ...lines.flatMap(({ from, to }, i) => (layerOf[from]! < layer && layer < layerOf[to]! ? [`line ${i}`] : [])),
  ]);
  const widthOf = (many: number): number => many * NODE.width + (many - 1) * GAP.x;
  const inner = Math.max(...places.map(({ length }) => widthOf(length)));
  const xOf = (layer: number, place: string): number => {
    const row = places[layer]!;
    return MARGIN + (inner - widthOf(row.length)) / 2 + row.indexOf(place) * (NODE.width + GAP.x);
  };
  const yOf = (layer: number): number => MARGIN + layer * (NODE.height + GAP.y);
  return {
    width: inner + 2 * MARGIN,
    height: yOf(layers - 1) + NODE.height + MARGIN,
    nodes: nodes.map(({ title, note }, i) => ({ title, note, x: xOf(layerOf[i]!, `node ${i}`), y: yOf(layerOf[i]!) })),
    edges: lines.map(({ from, to, label }, i) => {
      const [first, last] = [layerOf[from]!, layerOf[to]!];
      const middle = (layer: number): string =>
        layer === first ? `node ${from}` : layer === last ? `node ${to}` : `line ${i}`;
      const stops = Array.from({ length: last - first + 1 }, (_, n) => ({
        x: xOf(first + n, middle(first + n)) + NODE.width / 2,
        y: yOf(first + n),
      }));
      return edgeOf(stops, label);
    }),
  };
}

/** The longest way to each node. Edges go to later nodes, so one pass finds it. */
function layersOf(count: number, edges: ReportGraph['edges']): readonly number[] {
  const layers = Array.from({ length: count }, () => 0);
  for (let to = 0; to < count; to++) {
    for (const edge of edges) if (edge.to === to) layers[to] = Math.max(layers[to]!, layers[edge.from]! + 1);
  }
  return layers;
}

/** One line for all tensors between the same two nodes. */
function joined(edges: ReportGraph['edges']): ReportGraph['edges'] {
  const found = new Map<string, ReportGraph['edges'][number]>();
  for (const { from, to, label } of edges) {
    const key = `${from} ${to}`;
    const before = found.get(key);
    found.set(key, { from, to, label: before === undefined ? label : `${before.label}, ${label}` });
  }
  return [...found.values()];
}

/** A place that a line passes: the middle of its upper side. */
interface Stop {
  readonly x: number;
  readonly y: number;
}

/** A curve from each place to the next; its label is on the first, nearer to the end, where lines lie apart. */
function edgeOf(stops: readonly Stop[], label: string): PlacedEdge {
  const half = GAP.y / 2;
  const curves = stops.slice(1).map(({ x, y }, i) => {
    const above = stops[i]!;
    const begin = above.y + NODE.height;
    return `${i === 0 ? 'M' : 'L'}${above.x} ${begin}C${above.x} ${begin + half} ${x} ${y - half} ${x} ${y}`;
  });
  const [from, to] = [stops[0]!, stops[1]!];
  const begin = from.y + NODE.height;
  return {
    path: curves.join(''),
    label,
    x: from.x + (to.x - from.x) * 0.6,
    y: begin + (to.y - begin) * 0.6,
  };
}
