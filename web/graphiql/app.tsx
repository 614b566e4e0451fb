// The page: our header with the token box, and GraphiQL below it.
import { DOC_EXPLORER_PLUGIN } from '@graphiql/plugin-doc-explorer';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { GraphiQL } from 'graphiql';
import { Fragment, useEffect, useMemo, useState } from 'react';
import { EXAMPLES } from './examples';
import { fetcherFor, type Standing, standingOf } from './fetcher';
import icon from './icon.svg';
import { TokenBox } from './token-box';
import { storedToken, storeToken, takeTokenFromAddress } from './token';

// Made once: GraphiQL resets its panels whenever the list is a new one.
const PLUGINS = [HISTORY_PLUGIN, explorerPlugin({ showAttribution: false })];

export function App() {
  const [token, setToken] = useState(() => takeTokenFromAddress() ?? storedToken());
  const [standing, setStanding] = useState<Standing>({ kind: 'unknown' });

  // A link with #token= that is opened in a tab with this page reloads nothing.
  useEffect(() => {
    const take = () => setToken(current => takeTokenFromAddress() ?? current);
    window.addEventListener('hashchange', take);
    return () => window.removeEventListener('hashchange', take);
  }, []);

  useEffect(() => {
    let late = false;
    setStanding({ kind: 'unknown' });
    void standingOf(token).then(answer => late || setStanding(answer));
    return () => {
      late = true;
    };
  }, [token]);

  // A new fetcher makes GraphiQL ask for the schema again, with the new token.
  const fetcher = useMemo(() => fetcherFor(token, () => setStanding({ kind: 'refused' })), [token]);

  function change(next: string): void {
    storeToken(next);
    setToken(next);
  }

  return (
    <>
      <header className="page-header">
        <img src={icon} alt="" width="24" height="24" />
        <h1>Feature API</h1>
        <TokenBox token={token} standing={standing} onChange={change} />
      </header>
      <main>
        <GraphiQL
          fetcher={fetcher}
          plugins={PLUGINS}
          referencePlugin={DOC_EXPLORER_PLUGIN}
          defaultQuery=""
          defaultTabs={EXAMPLES}
          defaultEditorToolsVisibility="variables"
          inputValueDeprecation
          schemaDescription
        >
          {/* The header names the product; the place of GraphiQL's own name stays empty. */}
          <GraphiQL.Logo>
            <Fragment />
          </GraphiQL.Logo>
        </GraphiQL>
      </main>
    </>
  );
}
