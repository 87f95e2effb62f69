import pc from 'picocolors';
import type { Verdict } from '../scenario/contract.ts';

export type Paint = (text: string) => string;
export type Palette = ReturnType<typeof pc.createColors>;

export function palette(colours: boolean): Palette {
  return pc.createColors(colours);
}

/** One sign a verdict; the word always stands beside it, so nothing rests on colour or font. */
export const VERDICT_SIGN: Readonly<Record<Verdict, string>> = {
  pass: '✓',
  fail: '✗',
  skip: '-',
  error: '!',
  crash: '✗',
  flaky: '~',
};

/** Red is about the subject, yellow about the host or the harness, magenta about neither alone. */
export function verdictPaint(verdict: Verdict, colours: Palette): Paint {
  switch (verdict) {
    case 'pass':
      return colours.green;
    case 'fail':
    case 'crash':
      return (text) => colours.bold(colours.red(text));
    case 'flaky':
      return (text) => colours.bold(colours.magenta(text));
    case 'error':
      return (text) => colours.bold(colours.yellow(text));
    case 'skip':
      return colours.dim;
  }
}
