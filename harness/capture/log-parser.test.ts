import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { parseRegisterDump } from '../qemu/register-dump.ts';
import { readField, STATE_FIELDS, STATE_WORDS } from '../x86/state/state-layout.ts';
import { LogParser } from './log-parser.ts';
import { stateFromDump } from './state-from-dump.ts';

const excerpt = (name: string) => readFileSync(new URL(`testdata/${name}.txt`, import.meta.url));

interface Parsed {
  readonly states: Int32Array[];
  readonly marks: string[];
  readonly resets: string[];
  readonly parser: LogParser;
}

/** @param size of the pieces it comes in. */
function parse(text: Buffer | string, size = Infinity): Parsed {
  const bytes = Buffer.from(text);
  const [states, marks, resets]: [Int32Array[], string[], string[]] = [[], [], []];
  const parser = new LogParser({
    onState: (words) => states.push(words.slice()),
    onMark: (mark) => marks.push(mark),
    onReset: (line) => resets.push(line),
  });
  for (let at = 0; at < bytes.length; at += size) parser.feed(bytes.subarray(at, at + size));
  return { states, marks, resets, parser };
}

const fields = (words: Int32Array, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, `0x${readField(words, name).toString(16)}`]));

t.test('a real boot on SeaBIOS: protected mode, 16-bit, real mode, long mode', async (t) => {
  const { states, parser } = parse(excerpt('log-bios'));
  t.equal(states.length, 13);
  t.equal(parser.records, 13);
  t.equal(parser.heldBytes, 0);
  t.same(fields(states[0]!, ['rax', 'rbx', 'rsp', 'rip', 'rflags', 'cs.selector', 'cs.limit', 'a20']), {
    rax: '0x36d76289',
    rbx: '0x100018',
    rsp: '0x7ff00',
    rip: '0x3e00000',
    rflags: '0x200046',
    'cs.selector': '0x10',
    'cs.limit': '0xffffffff',
    a20: '0x1',
  });
  const real = ['cs.selector', 'cs.base', 'cs.limit', 'cs.attributes', 'cr0', 'rip'];
  t.same(fields(states[5]!, real), {
    'cs.selector': '0x8f00',
    'cs.base': '0x8f000',
    'cs.limit': '0xffff',
    'cs.attributes': '0x9b00',
    cr0: '0x10',
    rip: '0x268',
  });
  t.same(fields(states[12]!, ['rip', 'gdtr.base', 'gdtr.limit', 'efer', 'cr3', 'tr.selector']), {
    rip: '0xffff82d0402043c7',
    'gdtr.base': '0xffff82d040482000',
    'gdtr.limit': '0xefff',
    efer: '0xd01',
    cr3: '0x408f000',
    'tr.selector': '0x0',
  });
});

t.test('the same, however the text is cut', async (t) => {
  for (const name of ['log-bios', 'log-efi']) {
    const whole = parse(excerpt(name)).states;
    for (const size of [1, 7, 100, 849, 850, 851, 4000]) t.same(parse(excerpt(name), size).states, whole);
  }
});

t.test('each state is what the dump’s other reader sees, and what a dump alone gives', async (t) => {
  const records = (text: Buffer) =>
    text
      .toString('latin1')
      .split(/^(?=[ER]AX=)/m)
      .filter((each) => each !== '');
  for (const name of ['log-bios', 'log-efi']) {
    const { states } = parse(excerpt(name));
    for (const [index, text] of records(excerpt(name)).entries()) {
      t.same(stateFromDump(text.replace(/^CCS=.*\n/m, '')), states[index]);
      sameAsRegisterDump(t, states[index]!, text);
    }
  }
});

t.test('the monitor’s own dumps', async (t) => {
  for (const name of ['registers-efi64', 'registers-multiboot32-bios', 'registers-multiboot32-efi']) {
    const text = readFileSync(new URL(`../qemu/testdata/${name}.txt`, import.meta.url), 'latin1');
    const words = stateFromDump(text);
    t.equal(words.length, STATE_WORDS);
    sameAsRegisterDump(t, words, text);
    t.same(stateFromDump(`CPU#0\r\n${text.replaceAll('\n', '\r\n')}`), words, 'as QEMU 8 prints it');
  }
  t.throws(() => stateFromDump('unknown command'), { name: 'LogFormatError' });
  const text = readFileSync(new URL('../qemu/testdata/registers-efi64.txt', import.meta.url), 'latin1');
  t.throws(() => stateFromDump(text.replace('RCX=', 'RXX=')), { name: 'LogFormatError' });
  t.throws(() => stateFromDump(text.replace('RCX=0', 'RCX=g')), /hexadecimal/);
  t.throws(() => stateFromDump(text.replace(/^GDT=.*\n/m, '')), /begins with GDT=/);
  t.throws(() => stateFromDump(text.replace('FCW=', 'FLW=')), /FLW=/);
});

function sameAsRegisterDump(t: Test, words: Int32Array, text: string) {
  const dump = parseRegisterDump(text);
  for (const { name } of STATE_FIELDS) {
    const [register = '', part] = name.split('.');
    const segment = (dump.segments as unknown as Record<string, Record<string, unknown>>)[register];
    const expected =
      part === undefined
        ? (dump.general[register] ?? (dump as unknown as Record<string, unknown>)[register])
        : register === 'gdtr' || register === 'idtr'
          ? dump[register][part as 'base' | 'limit']
          : segment?.[part === 'attributes' ? 'flags' : part];
    if (expected === undefined) continue;
    t.equal(readField(words, name), BigInt(expected as bigint | number | boolean), name);
  }
}

t.test('marks, block lines, a reset', async (t) => {
  const text = excerpt('log-bios').toString('latin1');
  const trace = 'Trace 0: 0x7f259c000100 [0000000000000000/0000000003e00000/000000b0/ff000200] \n';
  const all = `# one\n${trace}${text}# two\n${text}Triple fault\nCPU Reset (CPU 0)\nEAX=garbage\n# three\n`;
  for (const size of [Infinity, 1, 33]) {
    const { states, marks, resets, parser } = parse(all, size);
    t.equal(states.length, 2 * 13);
    t.same(marks, ['one', 'two', 'three'], 'also after a reset');
    t.same(resets, ['Triple fault']);
    t.equal(parser.heldBytes, 0);
  }
});

t.test('what is no CPU log is refused by name, with its line', async (t) => {
  const text = excerpt('log-bios').toString('latin1');
  const damaged: Readonly<Record<string, (text: string) => string>> = {
    'RAX=': (text) => text.replace('EAX=', 'RAX='),
    'EAX=xyz': (text) => text.replace('EAX=36d', 'EAX=xyz'),
    'CS =0g10': (text) => text.replace('CS =0010', 'CS =0g10'),
    'XX =0018': (text) => text.replace('ES =0018', 'XX =0018'),
    'begins with DS': (text) => text.replaceAll(/^DS =.*\n/gm, ''),
    'EFER=0000zzzz': (text) => text.replace('EFER=00000000', 'EFER=0000zzzz'),
    'GDT=': (text) => text.replace('GDT=     00', 'GDT=   00'),
    '\\u001b': (text) => `\u001b[2Jhello\n${text}`,
  };
  for (const [name, damage] of Object.entries(damaged))
    t.throws(() => parse(damage(text)), { name: 'LogFormatError' }, name);
  t.throws(() => parse(`\u001b[2Jhello\n`), /\\u001b\[2Jhello/);
  t.throws(() => parse('E'.repeat(20_000)), { name: 'LogFormatError' }, 'no end of a record');
});
