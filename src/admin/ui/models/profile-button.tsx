/** Takes a profile of the next seconds and hands it to the browser as a file, for ui.perfetto.dev or chrome://tracing. */
import { useState } from 'preact/hooks';
import { ApiError, ask } from '../api.ts';
import { saveFile } from '../save-file.ts';

const SECONDS = 5;

export function ProfileButton({ model }: { model: string }) {
  const [state, setState] = useState<{ isRunning: boolean; problem?: string }>({ isRunning: false });
  const take = async (): Promise<void> => {
    setState({ isRunning: true });
    try {
      const response = await ask(`/profile?seconds=${SECONDS}&model=${encodeURIComponent(model)}`);
      saveFile(await response.blob(), `${model}-profile.json`);
      setState({ isRunning: false });
    } catch (error) {
      const isUnknown = error instanceof ApiError && error.status === 404;
      setState({ isRunning: false, problem: isUnknown ? 'This server takes no profiles.' : (error as Error).message });
    }
  };
  return (
    <>
      <button type="button" disabled={state.isRunning} onClick={() => void take()} title="A Perfetto trace, as a file">
        {state.isRunning ? `Profiling ${SECONDS} s …` : 'Profile'}
      </button>
      {state.problem !== undefined && <span role="alert">{state.problem}</span>}
    </>
  );
}
