import t from 'tap';
import { Pipe, Screen } from '../report/testdata/screen.ts';
import { captureProgress } from './capture-progress.ts';

const recording = (guestSteps: number, excursions: number) =>
  ({ phase: 'recording', totals: { steps: 1, guestSteps }, excursions }) as const;

t.test('in a pipe: a plain line a phase, no more', (t) => {
  const pipe = new Pipe();
  const progress = captureProgress(pipe, 1e9);
  progress.show({ phase: 'scout' });
  progress.show(recording(0, 0));
  for (let count = 1; count < 50; count++) progress.show(recording(1000 * count, count));
  progress.close();
  t.match(pipe.text, /^scout: .*\nrecording: a second boot, each instruction\n$/);
  t.notMatch(pipe.text, /\x1b/);
  t.end();
});

t.test('on a terminal: one live line with what there is so far, which goes away', (t) => {
  const screen = new Screen(80, 24);
  const progress = captureProgress(screen, 1e9);
  progress.show({ phase: 'scout' });
  t.match(screen.text, /^scout: a first boot, to see where control leaves the image\s*$/);
  progress.show({ phase: 'recording', totals: { steps: 30, guestSteps: 360_926 }, excursions: 26 });
  t.match(screen.text, /^recording: 360,926 steps, 26 excursions\s*$/);
  progress.close();
  progress.close();
  t.equal(screen.text.trim(), '');
  t.equal(screen.cursorIsHidden, false);
  t.end();
});
