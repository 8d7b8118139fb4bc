/** The entry point of the console's page. */
import './styles/theme.css';
import './styles/layout.css';
import './styles/parts.css';
import './styles/charts.css';
import './styles/pages.css';
import './styles/try.css';
import 'uplot/dist/uPlot.min.css';
import { render } from 'preact';
import { watchKeys } from './keys.ts';
import { listen } from './live.ts';
import { watchRange } from './range.ts';
import { watchRoute } from './route.ts';
import { Shell } from './shell.tsx';
import { watchTheme } from './theme.ts';

watchTheme();
watchRange();
watchRoute();
watchKeys();
void listen();
render(<Shell />, document.body);
