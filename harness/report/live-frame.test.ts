import t from 'tap';
import { liveFrame } from './live-frame.ts';
import { palette } from './palette.ts';
import { NO_PROGRESS, type RunProgress, observe } from './run-progress.ts';
import { realisticRun } from './testdata/realistic-run.ts';

const plain = palette(false);

function progressAt(atMs: number): RunProgress {
  return realisticRun()
    .filter((timed) => timed.atMs <= atMs)
    .reduce((progress, timed) => observe(progress, timed.event, timed.atMs), NO_PROGRESS);
}

t.test('every line fits, however narrow; the area takes at most half of the screen', (t) => {
  for (const columns of [60, 80, 200])
    for (const rows of [8, 24])
      for (const atMs of [0, 5000, 9000, 12_000, 20_000, 60_000]) {
        const lines = liveFrame(progressAt(atMs), atMs, { columns, rows }, plain);
        t.ok(
          lines.every((line) => line.length < columns),
          `${columns} columns at ${atMs} ms`,
        );
        t.ok(lines.length <= rows / 2);
      }
  t.end();
});

t.test('nothing goes on: no area', (t) => {
  t.same(liveFrame(NO_PROGRESS, 0, { columns: 80, rows: 24 }, plain), []);
  t.end();
});

t.test('columns stay where they are while instances come and go', (t) => {
  const phaseColumn = (atMs: number) =>
    liveFrame(progressAt(atMs), atMs, { columns: 120, rows: 24 }, plain)[1]?.search(
      / (?:firmware|GRUB|entry|long mode|console|starting) /,
    );
  t.equal(phaseColumn(9200), phaseColumn(70_000));
  t.end();
});
