import t from 'tap';
import { formatDoctor } from './doctor-table.ts';

const pipe = { isTerminal: false, columns: 80, colours: false };

t.test('every need, then one next action', (t) => {
  const text = formatDoctor(
    {
      needs: [
        { name: 'QEMU', state: 'ok', found: '7.2.22', needed: 'at least 6.2' },
        { name: 'OVMF', state: 'missing', needed: 'package ovmf' },
        { name: 'Node', state: 'too-old', found: '18.19.0', needed: 'at least 20.12' },
        { name: 'kvm', state: 'broken', found: '/dev/kvm', detail: 'a probe boot hung\x1b[2J' },
        { name: 'gdb', state: 'optional-missing' },
      ],
      nextAction: 'sudo apt-get install -y ovmf',
    },
    pipe,
  );
  t.equal(
    text,
    [
      '✓  QEMU  ok                 7.2.22    needed: at least 6.2',
      '✗  OVMF  missing                      needed: package ovmf',
      '✗  Node  too old            18.19.0   needed: at least 20.12',
      '✗  kvm   broken             /dev/kvm',
      '    a probe boot hung\\x1b[2J',
      '-  gdb   missing, optional',
      '',
      '3 of 5 needs are not met.',
      'Next: sudo apt-get install -y ovmf',
      '',
    ].join('\n'),
  );
  t.end();
});

t.test('what is only optional does not alarm', (t) => {
  const text = formatDoctor(
    { needs: [{ name: 'gdb', state: 'optional-missing', detail: 'only for loadbase debug' }] },
    { isTerminal: true, columns: 24, colours: true },
  );
  t.match(text, '\x1b[33m-\x1b[39m');
  t.match(text, '\n    \x1b[2monly for loadbase\x1b[22m\n    \x1b[2mdebug\x1b[22m\n');
  t.match(text, 'Everything needed is there.');
  t.notMatch(text, 'Next:');
  t.end();
});
