/** CLAIM: what a captured boot did against the rules is told with code, place and rule, and as JSON; many findings are counted. */
import t from 'tap';
import { WatchedCode } from '../check/sanitized-trace.ts';
import { smallBoot, traceOfBoot } from '../replay/testdata/small-boot.ts';
import { Pipe } from '../report/testdata/screen.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { judge, judgementJson, judgementLines, sanitizedTrace } from './judged-trace.ts';

const LINKED = 0x20_0000;
const disassembler = await loadDisassembler();
const watched = new WatchedCode(disassembler);

async function judged(code: string) {
  const boot = smallBoot(disassembler, code);
  const trace = await traceOfBoot(boot, { linkBase: LINKED });
  const found = { bytes: boot.image, symbols: undefined, symbolsPath: undefined };
  const sanitized = sanitizedTrace(trace, found, watched);
  const end = sanitized.replay.run();
  t.equal(end.divergence, undefined);
  return judge(sanitized, end, trace, found, disassembler);
}

t.test('no finding', async (t) => {
  const judgement = await judged('90 f4');
  t.same(judgementLines(judgement, new Pipe()), ['  ✓ no rule is broken']);
  t.same(judgementJson(judgement), []);
});

t.test('a finding', async (t) => {
  // nop; inc %ecx; mov %eax,0x200010; dec %ecx; nop; hlt
  const judgement = await judged('90 41 a3 10002000 49 90 f4');
  t.same(judgementLines(judgement, new Pipe()), [
    '  ✗ 0x00200002: it writes where the image was linked, not where it is',
    '',
    '       0x00001000  90              nop',
    '       0x00001001  41              inc %ecx',
    '    => 0x00001002  a3 10 00 20 00  mov %eax,0x200010',
    '       0x00001007  49              dec %ecx',
    '       0x00001008  90              nop',
    '',
    '    touched   write of 4 bytes at 0x00200010',
    '    should    be 0x00001010, with the image at 0x00001000',
    '    rule      link-time-write',
    '',
  ]);
  t.match(JSON.parse(JSON.stringify(judgementJson(judgement))), [
    {
      rule: 'link-time-write',
      says: 'it writes where the image was linked, not where it is',
      ...{ deed: 'write', touched: '0x00200010', expected: '0x00001010', sizeBytes: 4, times: 1 },
      instruction: { linear: '0x00001002', bitness: 32, bytes: /^a310002000/ },
      ...{ linkTime: '0x00200002', symbol: null, sourceLine: null },
    },
  ]);
});

t.test('many findings', async (t) => {
  const judgement = await judged(`${'a3 10002000 '.repeat(12)} f4`);
  const lines = judgementLines(judgement, new Pipe());
  t.equal(lines.filter((line) => line.startsWith('    =>')).length, 4, 'with the code around them');
  t.equal(lines.filter((line) => line.startsWith('  ✗ ')).length, 10);
  t.equal(lines.at(-1), '  … and 2 more; --json has all');
  t.equal(judgementJson(judgement).length, 12);
});
