/** A directed graph as a drawing. People who cannot see it hear its edges. */
import type { ReportGraph } from '../../../../ledger/report.ts';
import { Scroll } from '../parts.tsx';
import { NODE, placeGraph } from './graph-layout.ts';

/** Longer names are cut; the table beside has them whole. */
const MOST_CHARS = 22;

const cut = (text: string): string => (text.length > MOST_CHARS ? `${text.slice(0, MOST_CHARS - 1)}…` : text);

export function Graph({ graph }: { graph: ReportGraph }) {
  const { width, height, nodes, edges } = placeGraph(graph);
  const titleOf = (node: number): string => graph.nodes[node]!.title;
  const heard = graph.edges.map(({ from, to, label }) => `${label} from ${titleOf(from)} to ${titleOf(to)}`).join('; ');
  return (
    <Scroll label={graph.title}>
      <svg
        class="graph"
        viewBox={`0 0 ${width} ${height}`}
        width={width}
        height={height}
        role="img"
        aria-label={`${graph.title}: ${heard}`}
      >
        {edges.map(({ path }) => (
          <path key={path} d={path} />
        ))}
        {nodes.map(({ title, note, x, y }, i) => (
          <g key={`${i} ${title}`} transform={`translate(${x} ${y})`}>
            <title>{title}</title>
            <rect width={NODE.width} height={NODE.height} rx="6" />
            <text x={NODE.width / 2} y={note === undefined ? 29 : 21}>
              {cut(title)}
            </text>
            {note !== undefined && (
              <text class="note" x={NODE.width / 2} y="38">
                {note}
              </text>
            )}
          </g>
        ))}
        {edges.map(({ path, label, x, y }) => (
          <text key={path} class="label" x={x} y={y + 4}>
            {cut(label)}
          </text>
        ))}
      </svg>
    </Scroll>
  );
}
