/** How far a mutation score is: a live line on a terminal, nothing in a pipe. */
import type { Judgement } from '../check/mutation-score.ts';
import type { ReporterTarget } from '../report/reporter.ts';
import { liveSurface } from '../report/surface.ts';

const REDRAW_MS = 100;

export interface MutantProgress {
  made(total: number): void;
  /** After each mutant. */
  judged(judgement: Judgement): void;
  /** Takes the line away. To be called more than once. */
  close(): void;
}

/** @param now in milliseconds */
export function mutantProgress(
  target: ReporterTarget,
  { now = () => performance.now(), redrawMs = REDRAW_MS }: { now?: () => number; redrawMs?: number } = {},
): MutantProgress {
  const started = now();
  let total: number | undefined;
  let [done, survived] = [0, 0];
  const line = () => {
    const seconds = `${((now() - started) / 1000).toFixed(0)} s`;
    if (total === undefined) return `mutants: looking for what uses the base · ${seconds}`;
    const survivors = survived > 0 ? ` · ${survived} not noticed` : '';
    return `mutants: ${done} of ${total} judged${survivors} · ${seconds}`;
  };
  const surface = target.isTerminal
    ? liveSurface(target, ({ columns }) => [line().slice(0, columns)], redrawMs)
    : undefined;
  return {
    made: (all) => {
      total = all;
    },
    judged: ({ killed }) => {
      done++;
      if (!killed) survived++;
    },
    close: () => surface?.close(),
  };
}
