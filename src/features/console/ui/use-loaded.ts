/** Loads from the server when a component appears, and again when `key` changes. */
import { useCallback, useEffect, useState } from 'preact/hooks';

export interface Loaded<T> {
  /** The last value; it stays during the next load. */
  readonly value: T | undefined;
  readonly error: Error | undefined;
  readonly isLoading: boolean;
  readonly again: () => void;
}

export function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>, key: string): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, 'again'>>({ value: undefined, error: undefined, isLoading: true });
  const [turn, setTurn] = useState(0);
  // `load` changes on every render; `key` changes with its meaning.
  useEffect(() => {
    const abort = new AbortController();
    setState((before) => ({ ...before, isLoading: true }));
    load(abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) setState({ value, error: undefined, isLoading: false });
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        setState((before) => ({ value: before.value, error: error as Error, isLoading: false }));
      },
    );
    return () => abort.abort();
  }, [key, turn]);
  return { ...state, again: useCallback(() => setTurn((before) => before + 1), []) };
}
