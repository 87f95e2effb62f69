import t from 'tap';
import { formatInstanceList } from './list-table.ts';

const rows = [
  { name: 'xen-early-boot~bios~base-0x00200000', base: '0x00200000', expected: 'boots at 0x00200000' },
  { name: 'short', base: 'any', expected: 'boots\x1b[2J wherever GRUB puts it' },
];

t.test('in a pipe: tabs, one line an instance', (t) => {
  t.equal(
    formatInstanceList(rows, { isTerminal: false, columns: 20, colours: false }),
    'xen-early-boot~bios~base-0x00200000\t0x00200000\tboots at 0x00200000\n' +
      'short\tany\tboots\\x1b[2J wherever GRUB puts it\n',
  );
  t.equal(formatInstanceList([], { isTerminal: false, columns: 20, colours: false }), '');
  t.end();
});

t.test('on a terminal: columns, or the expectation below where there is no room', (t) => {
  t.equal(
    formatInstanceList(rows, { isTerminal: true, columns: 74, colours: false }),
    'xen-early-boot~bios~base-0x00200000  0x00200000  boots at 0x00200000\n' +
      'short                                any         boots\\x1b[2J wherever\n' +
      '                                                 GRUB puts it\n',
  );
  t.equal(
    formatInstanceList(rows, { isTerminal: true, columns: 50, colours: false }),
    'xen-early-boot~bios~base-0x00200000  0x00200000\n    boots at 0x00200000\n' +
      'short                                any\n    boots\\x1b[2J wherever GRUB puts it\n',
  );
  t.match(
    formatInstanceList(rows, { isTerminal: true, columns: 90, colours: true }),
    '\x1b[36many\x1b[39m         \x1b[2mboots',
  );
  t.end();
});
