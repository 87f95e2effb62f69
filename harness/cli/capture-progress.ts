/** How far a capture is: a live line on a terminal; in a pipe one plain line a phase. */
import type { CaptureProgress } from '../capture/capture.ts';
import type { ReporterTarget } from '../report/reporter.ts';
import { liveSurface, plainSurface } from '../report/surface.ts';

const REDRAW_MS = 100;

export interface ProgressLine {
  show(progress: CaptureProgress): void;
  /** Takes the live line away. To be called more than once. */
  close(): void;
}

export function captureProgress(target: ReporterTarget, redrawMs = REDRAW_MS): ProgressLine {
  let now: CaptureProgress | undefined;
  const surface = target.isTerminal
    ? liveSurface(target, ({ columns }) => (now ? [liveText(now).slice(0, columns)] : []), redrawMs)
    : plainSurface(target);
  return {
    show: (progress) => {
      const begins = progress.phase !== now?.phase;
      now = progress;
      if (begins && !target.isTerminal) surface.print([PHASE_TEXT[progress.phase]]);
      if (begins) surface.redraw();
    },
    close: () => surface.close(),
  };
}

const PHASE_TEXT = {
  scout: 'scout: a first boot, to see where control leaves the image',
  recording: 'recording: a second boot, each instruction',
};

function liveText(progress: CaptureProgress): string {
  const text = PHASE_TEXT[progress.phase];
  if (progress.phase === 'scout' || progress.totals.steps === 0) return text;
  const { totals, excursions } = progress;
  return `recording: ${totals.guestSteps.toLocaleString('en')} steps, ${excursions} excursions`;
}
