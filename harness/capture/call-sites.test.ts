import t from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import { BlockLogParser } from './block-log.ts';
import { findSites } from './call-sites.ts';

const disassembler = await loadDisassembler();

interface Place {
  readonly linear: number;
  readonly code: string;
  readonly csBase?: number;
  readonly bitness?: 16 | 32 | 64;
}

const FLAGS = { 16: '00000000', 32: '000000b0', 64: '0040c2b0' };

/** QEMU's line for a block that begins at `linear` in one of the places. */
function line({ csBase = 0, bitness = 32 }: Place, linear: number): string {
  const wide = (value: number) => value.toString(16).padStart(16, '0');
  return `Trace 0: 0x7f259c000100 [${wide(csBase)}/${wide(linear)}/${FLAGS[bitness]}/ff000200] \n`;
}

/** The sites found where the blocks at `ran` ran, one after the other. */
function sites(places: readonly Place[], ran: readonly number[]) {
  const bytes = places.map((place) => ({ ...place, bytes: Buffer.from(place.code, 'hex') }));
  const placeOf = (linear: number) =>
    bytes.find((each) => each.linear <= linear && linear < each.linear + each.bytes.length)!;
  const parser = new BlockLogParser();
  parser.feed(Buffer.from(ran.map((linear) => line(placeOf(linear), linear)).join('')));
  const code = (linear: bigint) => {
    const place = placeOf(Number(linear));
    return place.bytes.subarray(Number(linear) - place.linear);
  };
  return findSites(parser.executed(), code, disassembler);
}

const shown = (places: readonly Place[], ran: readonly number[]) =>
  sites(places, ran).calls.map(
    ({ linear, text, returns }) =>
      `${linear.toString(16)} ${text} → ${returns.map((each) => each.toString(16)).join(' ')}`,
  );

t.test('calls: inside, to an address behind themselves, outside', async (t) => {
  // 1000: call 1100 · 1005: call 100a (call/pop) · 100a: pop eax; call *eax · 100d: jmp 100d
  const main = { linear: 0x1000, code: 'e8fb000000e80000000058ffd0ebfe' };
  const callee = { linear: 0x1100, code: '90c3' };
  t.same(shown([main, callee], [0x1000, 0x1100, 0x1005, 0x100a, 0x1100, 0x100d]), [], 'all inside');
  t.same(
    shown([main, callee], [0x1000, 0x1005, 0x100a, 0x100d]),
    ['1000 call 0x1100 → 1005', '100a call *%eax → 100d'].map((each) => each.replace('100a', '100b')),
  );
});

t.test('interrupts in real mode return behind themselves', async (t) => {
  // 8f294: int $0x15; jc 8f294; jmp
  const place = { linear: 0x8f294, csBase: 0x8f000, bitness: 16, code: 'cd1572fcebfe' } as const;
  t.same(shown([place], [0x8f294, 0x8f296, 0x8f294, 0x8f296, 0x8f298]), ['8f294 int $0x15 → 8f296']);
});

t.test('a retpoline: the thunk’s return goes outside and comes back to its caller', async (t) => {
  // 3000: call 4000 (thunk); 3005: jmp. 4000: call 4007; 4005: jmp 4005; 4007: mov %rax,(%rsp); ret
  const caller = { linear: 0x3000, bitness: 64, code: 'e8fb0f0000ebfe' } as const;
  const thunk = { linear: 0x4000, bitness: 64, code: 'e802000000ebfe48890424c3' } as const;
  t.same(shown([caller, thunk], [0x3000, 0x4000, 0x4007, 0x3005]), ['400b ret → 3005']);
  const inner = { linear: 0x5000, bitness: 64, code: 'c3' } as const;
  t.same(
    shown([caller, thunk, inner], [0x3000, 0x4000, 0x4007, 0x5000, 0x3005]),
    ['5000 ret → 3005'],
    'one that stayed inside is told at the callee’s return: one stop too many, and harmless',
  );
});

t.test('a jump through a register that comes back to a caller', async (t) => {
  // 3000: call 4000; 3005: jmp. 4000: lfence; jmp *%rax
  const caller = { linear: 0x3000, bitness: 64, code: 'e8fb0f0000ebfe' } as const;
  const thunk = { linear: 0x4000, bitness: 64, code: '0faee8ffe0' } as const;
  t.same(shown([caller, thunk], [0x3000, 0x4000, 0x3005]), ['4003 jmp *%rax → 3005']);
});

t.test('plain jumps and blocks that were cut are no calls', async (t) => {
  // 1000: nop; nop; je 1000; jmp *%eax
  const place = { linear: 0x1000, code: '909074fcffe0' };
  t.same(shown([place], [0x1000, 0x1001, 0x1002, 0x1000, 0x1004, 0x1001]), []);
  // 1000: jmp 2000, and yet 1005
  const jump = { linear: 0x1000, code: 'e9fb0f0000ebfe' };
  t.same(shown([jump], [0x1000, 0x1005]), ['1000 jmp 0x2000 → 1005']);
});

t.test('repeated string instructions, and how long they run', async (t) => {
  // 1000: cld; rep stosl; movsd %xmm0,%xmm1; rep movsb; jmp
  const place = { linear: 0x1000, code: 'fcf3abf20f10c8f3a4ebfe' };
  const { repeats } = sites([place], [0x1000, ...Array<number>(700).fill(0x1001), 0x1003, 0x1009]);
  t.same(repeats, [
    { linear: 0x1001n, next: 0x1003n, text: 'rep stos %eax,(%edi)', longestRun: 700 },
    { linear: 0x1007n, next: 0x1009n, text: 'rep movsb (%esi),(%edi)', longestRun: 1 },
  ]);
});

t.test('block lines that are none, marks, what QEMU says between them', async (t) => {
  const marks: string[] = [];
  const parser = new BlockLogParser((mark) => marks.push(mark));
  const text =
    `${line({ linear: 0, code: '' }, 0x1000)}# 7\n` +
    `Stopped execution of TB chain before 0x7fbb7400ed00 [0000000003ffb74a] \n` +
    `${line({ linear: 0, code: '' }, 0x1000)}Triple fault\nCPU Reset (CPU 0)\nEAX=00000000\n`;
  for (const byte of Buffer.from(text)) parser.feed(Buffer.of(byte));
  t.same(marks, ['7']);
  t.equal(parser.reset, 'Triple fault');
  t.equal(parser.count, 2);
  t.same([...parser.executed().sequence], [0]);
  t.throws(() => new BlockLogParser().feed(Buffer.from('IN: \n')), { name: 'LogFormatError' });
  t.throws(() => new BlockLogParser().feed(Buffer.alloc(5000, 'x')), { name: 'LogFormatError' });
});
