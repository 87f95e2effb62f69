import t from 'tap';
import { Pipe, Screen } from '../report/testdata/screen.ts';
import { replayProgress } from './replay-progress.ts';

t.test('a line where it takes long, on a terminal, and none afterwards', (t) => {
  const screen = new Screen(80, 24);
  let nowMs = 0;
  const progress = replayProgress(screen, 20_000_000, () => nowMs);
  progress.show(65_536);
  t.equal(screen.text, '', 'nobody waits yet');
  nowMs = 1500;
  progress.show(131_072);
  t.equal(screen.text, 'replaying: 131,072 of 20,000,000 steps');
  progress.close();
  t.equal(screen.text, '');
  t.equal(screen.cursorIsHidden, false);
  t.end();
});

t.test('nothing in a pipe', (t) => {
  const pipe = new Pipe();
  let nowMs = 0;
  const progress = replayProgress(pipe, 20_000_000, () => nowMs);
  nowMs = 5000;
  progress.show(131_072);
  progress.close();
  t.equal(pipe.text, '');
  t.end();
});
