import t from 'tap';
import { Pipe, Screen } from '../report/testdata/screen.ts';
import { checkProgress } from './check-progress.ts';
import { defective, holding } from './testdata/hand-made-results.ts';

t.test('a live line on a terminal, and none afterwards', async (t) => {
  const screen = new Screen(80, 24);
  let nowMs = 0;
  const progress = checkProgress(screen, 4100, { now: () => nowMs, redrawMs: 1 });
  progress.tried(holding('bios', 0x200000));
  progress.tried(defective('bios', 0x400000));
  nowMs = 2000;
  while (screen.text === '') await new Promise((resolve) => setTimeout(resolve, 1));
  t.match(screen.text, /^checking: 2 of 4,100 boots · 1 with a defect · 2 s · 0 M instructions\/s$/);
  progress.close();
  progress.close();
  t.equal(screen.text, '');
  t.equal(screen.cursorIsHidden, false);
});

t.test('nothing in a pipe', (t) => {
  const pipe = new Pipe();
  const progress = checkProgress(pipe, 1);
  progress.tried(holding('bios', 0x200000));
  progress.close();
  t.equal(pipe.text, '');
  t.end();
});
