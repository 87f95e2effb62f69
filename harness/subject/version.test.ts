/** CLAIM: a known older version is older; an unknown one is not. */
import t from 'tap';
import { isBefore } from './version.ts';

t.test('which version is older', async (t) => {
  const cases: readonly (readonly [version: string | undefined, mendedIn: string, before: boolean])[] = [
    ['4.17.6-pre', '4.20', true],
    ['4.19.9', '4.20', true],
    ['4.20.0', '4.20', false],
    ['4.20-rc1', '4.20', false],
    ['4.21', '4.20', false],
    ['4.9', '4.20', true],
    ['4.100', '4.20', false],
    ['3.99', '4.0', true],
    ['5.0', '4.20', false],
    ['10.1', '4.20', false],
    ['GRUB 2.06-loadbase.e9ee100b', '2.12', true],
    ['GRUB 2.12', '2.12', false],
    ['GRUB 2.12~rc1-1', '2.12', false],
    ['unstable', '4.20', false],
    ['4', '4.20', false],
    ['', '4.20', false],
    [undefined, '4.20', false],
    ['4.17', 'some day', false],
  ];
  for (const [version, mendedIn, before] of cases)
    t.equal(isBefore(version, mendedIn), before, `${version} before ${mendedIn}`);
});
