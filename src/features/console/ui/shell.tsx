/** The frame of every page: name, navigation, the server's state, help. */
import type { ComponentChildren } from 'preact';
import { isLocked } from './api.ts';
import { ComparePage } from './history/compare-page.tsx';
import { PastPage } from './history/past-page.tsx';
import { isHelpOpen, SHORTCUTS } from './keys.ts';
import { about, connection, isCounting, models, reports, ticks } from './live.ts';
import { Login } from './login.tsx';
import { ModelPage } from './models/model-page.tsx';
import { OverviewPage } from './models/overview-page.tsx';
import { useDialog } from './parts.tsx';
import { PlaygroundPage } from './playground/playground-page.tsx';
import { isNow } from './range.ts';
import { RangeControl } from './range-control.tsx';
import { ReportPage } from './reports/report-page.tsx';
import { RequestPage } from './requests/request-page.tsx';
import { RequestsPage } from './requests/requests-page.tsx';
import { RestApiPage } from './rest-api/rest-api-page.tsx';
import { reportLink, route } from './route.ts';
import type { Route } from './routes.ts';
import { nameOf, serverFacts } from './server-facts.ts';
import { theme, toggleTheme } from './theme.ts';

export function Shell() {
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the page
      </button>
      <Header />
      <main id="main" tabIndex={-1}>
        {isLocked.value ? (
          <Login />
        ) : (
          <>
            {HAVE_SPANS.includes(route.value.page) && <RangeControl />}
            <Page shown={route.value} />
          </>
        )}
      </main>
      <Footer />
      <Help />
    </>
  );
}

/** Pages whose content is of a span of time. */
const HAVE_SPANS: readonly Route['page'][] = ['overview', 'model', 'requests', 'compare'];

function Page({ shown }: { shown: Route }) {
  switch (shown.page) {
    case 'overview':
      return isNow.value ? <OverviewPage /> : <PastPage model={undefined} />;
    case 'model':
      return isNow.value ? (
        <ModelPage key={shown.model} name={shown.model} />
      ) : (
        <PastPage key={shown.model} model={shown.model} />
      );
    case 'compare':
      return <ComparePage query={shown.query} />;
    case 'requests':
      return <RequestsPage query={shown.query} />;
    case 'request':
      return <RequestPage key={`${shown.id} ${shown.until}`} id={shown.id} until={shown.until} />;
    case 'playground':
      return <PlaygroundPage model={shown.model} />;
    case 'rest-api':
      return <RestApiPage />;
    case 'report':
      return <ReportPage key={shown.name} name={shown.name} />;
  }
}

function Header() {
  const shown = route.value;
  const { page } = shown;
  return (
    <header class="bar">
      <a class="brand" href="#/">
        <Mark />
        <span>Pillion</span>
      </a>
      <nav aria-label="Pages">
        <NavLink href="#/" isHere={page === 'overview' || page === 'model'}>
          Overview
        </NavLink>
        <NavLink href="#/requests" isHere={page === 'requests' || page === 'request'}>
          Requests
        </NavLink>
        <NavLink href="#/playground" isHere={page === 'playground'}>
          Playground
        </NavLink>
        <NavLink href="#/rest-api" isHere={page === 'rest-api'}>
          API
        </NavLink>
        {reports.value.map(({ name, title }) => (
          <NavLink key={name} href={reportLink(name)} isHere={page === 'report' && shown.name === name}>
            {title}
          </NavLink>
        ))}
      </nav>
      {about.value !== undefined && <span class="server-name">{nameOf(about.value)}</span>}
      <State />
      <button
        type="button"
        class="quiet icon"
        onClick={toggleTheme}
        aria-label="Light or dark"
        title="Light or dark (t)"
      >
        {theme.value === 'dark' ? '☾' : '☼'}
      </button>
      <button
        type="button"
        class="quiet icon"
        aria-label="Keyboard shortcuts"
        title="Keyboard shortcuts (?)"
        onClick={() => {
          isHelpOpen.value = true;
        }}
      >
        ?
      </button>
    </header>
  );
}

function NavLink({ href, isHere, children }: { href: string; isHere: boolean; children: ComponentChildren }) {
  return (
    <a href={href} {...(isHere && { 'aria-current': 'page' })}>
      {children}
    </a>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
      <rect width="16" height="16" rx="4" fill="var(--accent)" />
      <path d="M4 11.5V8m4 3.5v-7m4 7V6.5" stroke="var(--on-accent)" stroke-width="2" stroke-linecap="round" />
    </svg>
  );
}

function currentState(): readonly [kind: string, text: string] {
  const isReady = models.value?.ready;
  if (isLocked.value) return ['waiting', 'Token wanted'];
  if (connection.value === 'lost') return ['lost', 'Connection lost'];
  if (isReady === undefined) return ['waiting', 'Connecting'];
  return isReady ? ['good', 'Ready'] : ['waiting', 'Not ready'];
}

/** Shows the state by shape and word, not by colour alone. */
function State() {
  const [kind, text] = currentState();
  return (
    <span class={`state ${kind}`} role="status">
      <span class="dot" aria-hidden="true" />
      <span class="state-text">{text}</span>
    </span>
  );
}

function Footer() {
  const server = about.value;
  if (server === undefined) return <footer>&nbsp;</footer>;
  // The server's clock: this machine's may differ.
  const now = isCounting.value ? ticks.value.at(-1)?.at_ms : undefined;
  return (
    <footer>
      {serverFacts(server, now).map((text) => (
        <span key={text}>{text}</span>
      ))}
    </footer>
  );
}

function Help() {
  const dialog = useDialog(isHelpOpen.value);
  const close = (): void => {
    isHelpOpen.value = false;
  };
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={close}>
      <h2 id="help-title">Keyboard</h2>
      <dl>
        {SHORTCUTS.map(({ keys, what }) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <button type="button" onClick={close}>
        Close
      </button>
    </dialog>
  );
}
