/** How far a long replay is: a live line on a terminal, nothing in a pipe. */
import type { ReporterTarget } from '../report/reporter.ts';
import { liveSurface } from '../report/surface.ts';

/** Before that nobody waits. */
const LONG_MS = 1000;
/** A replay lets no timer fire: the line is drawn when it tells how far it is. */
const NEVER_MS = 1 << 30;

export interface ReplayProgress {
  show(steps: number): void;
  /** Takes the line away. */
  close(): void;
}

/** @param totalSteps what the trace holds @param now in milliseconds */
export function replayProgress(
  target: ReporterTarget,
  totalSteps: number,
  now: () => number = () => performance.now(),
): ReplayProgress {
  const started = now();
  let done = 0;
  const line = () => `replaying: ${done.toLocaleString('en')} of ${totalSteps.toLocaleString('en')} steps`;
  const surface = target.isTerminal
    ? liveSurface(target, ({ columns }) => [line().slice(0, columns)], NEVER_MS)
    : undefined;
  return {
    show: (steps) => {
      done = steps;
      if (now() - started > LONG_MS) surface?.redraw();
    },
    close: () => surface?.close(),
  };
}
