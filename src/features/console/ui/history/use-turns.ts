/** Counts up while a page is open, for what is to be loaded again. */
import { useEffect, useState } from 'preact/hooks';

/** One more each `intervalMs`, while `isOn`. */
export function useTurns(intervalMs: number, isOn: boolean): number {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!isOn) return;
    const timer = setInterval(() => setTurn((before) => before + 1), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs, isOn]);
  return turn;
}
