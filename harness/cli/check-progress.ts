/** How far a check is: a live line on a terminal, nothing in a pipe. */
import { holdsAt, type BaseResult } from '../check/contract.ts';
import type { ReporterTarget } from '../report/reporter.ts';
import { liveSurface } from '../report/surface.ts';

const REDRAW_MS = 100;

export interface CheckProgress {
  /** After each base. */
  tried(result: BaseResult): void;
  /** Takes the line away. To be called more than once. */
  close(): void;
}

/** @param total boots. @param now in milliseconds */
export function checkProgress(
  target: ReporterTarget,
  total: number,
  { now = () => performance.now(), redrawMs = REDRAW_MS }: { now?: () => number; redrawMs?: number } = {},
): CheckProgress {
  const started = now();
  let [done, wrong, executed] = [0, 0, 0];
  const line = () => {
    const seconds = (now() - started) / 1000;
    const parts = [
      `checking: ${done.toLocaleString('en')} of ${total.toLocaleString('en')} boots`,
      ...(wrong > 0 ? [`${wrong.toLocaleString('en')} with a defect`] : []),
      `${seconds.toFixed(0)} s`,
      ...(done > 0 && seconds > 1 ? [`${(executed / seconds / 1e6).toFixed(0)} M instructions/s`] : []),
    ];
    return parts.join(' · ');
  };
  const surface = target.isTerminal
    ? liveSurface(target, ({ columns }) => [line().slice(0, columns)], redrawMs)
    : undefined;
  return {
    tried: (result) => {
      done++;
      executed += result.executed;
      if (!holdsAt(result)) wrong++;
    },
    close: () => surface?.close(),
  };
}
