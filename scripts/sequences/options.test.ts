import t from 'tap';
import { readOptions } from './options.ts';

t.test('defaults, and all given', async (t) => {
  t.strictSame(readOptions([]), { seed: 1, count: 10, sequences: 250, base: 0x340_0000, help: false });
  const argv = ['--seed', '7', '--count', '2', '--sequences', '5', '--base', '0x200000'];
  t.match(readOptions(argv), { seed: 7, count: 2, sequences: 5, base: 0x20_0000 });
});

t.test('wrong options are named', async (t) => {
  for (const [argv, message] of [
    [['--seed', 'x'], /--seed x: a whole number/],
    [['--count', '0'], /--count 0: a whole number from 1/],
    [['--base', '0x210000'], /--base 0x210000: a multiple of 2 MiB/],
    [['--wrong'], /--wrong/],
  ] as const)
    t.throws(() => readOptions([...argv]), { name: 'UsageError', message });
});
