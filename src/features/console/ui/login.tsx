/** Asks for the operators' token, where the server wants one. */
import { useState } from 'preact/hooks';
import { isTokenWrong, unlock } from './api.ts';
import { Panel } from './parts.tsx';

export function Login() {
  const [token, setToken] = useState('');
  return (
    <>
      <h1>Operators only</h1>
      <Panel title="Token">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            unlock(token);
          }}
        >
          <p>
            <label for="token">
              The token that is in the file of --admin_token_file. This tab keeps it until it is closed.
            </label>
          </p>
          <p>
            <input
              id="token"
              type="password"
              autocomplete="off"
              required
              value={token}
              onInput={(event) => setToken(event.currentTarget.value)}
            />{' '}
            <button type="submit" class="primary">
              Open
            </button>
          </p>
          {isTokenWrong.value && <p role="alert">The server did not take this token.</p>}
        </form>
      </Panel>
    </>
  );
}
