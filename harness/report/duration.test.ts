import t from 'tap';
import { formatClock, formatDuration } from './duration.ts';

t.test('formatClock', (t) => {
  const cases: [number, string][] = [
    [0, '0:00'],
    [48_999, '0:48'],
    [60_000, '1:00'],
    [725_000, '12:05'],
    [3_723_000, '1:02:03'],
    [-5, '0:00'],
  ];
  for (const [ms, text] of cases) t.equal(formatClock(ms), text);
  t.end();
});

t.test('formatDuration rounds before it chooses units', (t) => {
  const cases: [number, string][] = [
    [0, '0.0 s'],
    [1234, '1.2 s'],
    [9949, '9.9 s'],
    [9960, '10 s'],
    [48_400, '48 s'],
    [59_600, '1 min'],
    [250_000, '4 min 10 s'],
    [3_599_700, '1 h'],
    [3_780_000, '1 h 3 min'],
  ];
  for (const [ms, text] of cases) t.equal(formatDuration(ms), text);
  t.end();
});
