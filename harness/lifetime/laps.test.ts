/** CLAIM: each moment is one part's, and none is lost. */
import t from 'tap';
import { Laps } from './laps.ts';

t.test('parts are added up in the order in which they were left', async (t) => {
  let now = 100;
  const laps = new Laps('start', () => now);
  now = 110;
  laps.enter('run');
  now = 140;
  laps.enter('look');
  now = 145;
  laps.enter('run');
  now = 150;
  t.strictSame(laps.totals(), { start: 10, run: 35, look: 5 });
  t.strictSame(Object.keys(laps.totals()), ['start', 'run', 'look']);
  now = 151;
  t.strictSame(laps.totals(), { start: 10, run: 36, look: 5 }, 'the last goes on');
});
