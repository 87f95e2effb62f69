import t from 'tap';
import { SILENT } from '../x86/execute/inputs.ts';
import { writeField } from '../x86/state/state-layout.ts';
import { LINKED, longMode, smallBoot, type SmallOffline } from './testdata/small-offline.ts';

const LOADED = 0x80_0000;
const at = (small: SmallOffline, bound = 10_000) => smallBoot(small).run({ loadBase: LOADED, bound });

void t.test('a halt: the end, a last word, or neither', (t) => {
  t.match(at({ code: 'f4' }), { ending: { kind: 'reached', where: 'HLT' }, findings: [] });
  const knowledge = { endsByHalting: false };
  t.match(at({ code: 'f4', knowledge }).ending, { kind: 'stopped', reason: { kind: 'halted' } });
  t.match(at({ code: 'f4', knowledge, around: { consoleText: () => ' ERR: no \r\n' } }).ending, {
    kind: 'said',
    text: 'ERR: no',
  });
  t.end();
});

void t.test('the end by name', (t) => {
  // mov $0x500000,%eax; jmp *%eax
  const code = 'b8 00005000 ffe0';
  const knowledge = { endAt: (linear: bigint) => (linear === 0x50_0000n ? 'there' : undefined) };
  t.match(at({ code, knowledge }), { ending: { kind: 'reached', where: 'there' } });
  t.end();
});

void t.test('the firmware is asked, and answers or does not', (t) => {
  // mov $0x500000,%eax; call *%eax; hlt
  const code = 'b8 00005000 ffd0 f4';
  t.match(at({ code }).ending, { kind: 'unanswered', what: 'nothing is answered here', linear: 0x50_0000n });
  let asked = 0;
  const answered = at({
    code,
    around: {
      answer(cpu) {
        asked++;
        const state = cpu.state();
        writeField(state, 'rip', BigInt(LOADED + 7));
        cpu.load(state);
        return undefined;
      },
    },
  });
  t.equal(answered.ending.kind, 'reached');
  t.equal(asked, 1);
  t.end();
});

void t.test('a 64-bit call of the firmware with a misaligned stack names the call', (t) => {
  const stack = LOADED + 0x2000;
  const run = (pointer: number) =>
    at({
      // call *%rax; the firmware ends it
      code: 'ffd0 f4',
      around: longMode(LOADED, pointer),
    });
  t.same(
    run(stack).findings.map(({ rule }) => rule),
    [],
  );
  t.match(run(stack + 8).findings, [
    {
      ...{ rule: 'firmware-stack', deed: 'call', touched: BigInt(stack) },
      instruction: { linear: BigInt(LOADED) },
    },
  ]);
  t.end();
});

void t.test('what the CPU asks and nobody recorded ends it; another error is ours', (t) => {
  class Unrecorded extends Error {}
  const inputs = {
    cpuid(): void {
      throw new Unrecorded('CPUID 7');
    },
  };
  const small = (unanswered: (error: unknown) => string | undefined) => ({
    code: '0fa2 f4',
    around: { inputs: { ...SILENT, ...inputs }, unanswered },
  });
  const said = at(small((error) => (error instanceof Unrecorded ? error.message : undefined)));
  t.match(said.ending, { kind: 'unanswered', what: 'CPUID 7', linear: BigInt(LOADED) });
  t.throws(() => at(small(() => undefined)), { message: 'CPUID 7' });
  t.end();
});

void t.test('memory that nobody gave reads as zeros, and is noted; a few times', (t) => {
  // mov 0x500000,%eax; hlt
  t.match(at({ code: 'a1 00005000 f4' }), {
    ending: { kind: 'reached' },
    findings: [{ rule: 'foreign-read', touched: 0x50_0000n, times: 1 }],
  });
  t.same(at({ code: 'a1 00005000 f4', knowledge: { looksAt: () => true } }).findings, [], 'it means to');
  // mov $0x500000,%eax; 1: mov (%eax),%ecx; add $4,%eax; jmp 1b
  t.match(at({ code: 'b8 00005000 8b08 83c004 ebf9' }).ending, {
    kind: 'stopped',
    reason: { kind: 'unknown memory' },
  });
  t.end();
});

void t.test('what the model stops at is told as it is', (t) => {
  t.match(at({ code: 'd9e8' }).ending, {
    ...{ kind: 'stopped', linear: BigInt(LOADED) },
    reason: { kind: 'unknown opcode', mnemonic: 'fld1' },
  });
  // ud2, with no IDT
  t.match(at({ code: '0f0b' }).ending, { kind: 'stopped', reason: { kind: 'triple fault', vector: 6 } });
  t.end();
});

void t.test('a loop: stopped at the bound, its places counted', (t) => {
  const { ending, executed } = at({ code: '90 ebfe' }, 1000);
  t.equal(executed, 1000);
  t.match(ending, { kind: 'endless', loop: [{ linear: BigInt(LOADED + 1), times: 32768 }] });
  t.end();
});

void t.test('a loop of findings is stopped, too', (t) => {
  // 1: mov %eax,0x201000; jmp 1b
  const { ending, findings } = at({ code: 'a3 00102000 ebf9' }, 5000);
  t.equal(ending.kind, 'endless');
  t.match(findings, [{ rule: 'link-time-write', touched: BigInt(LINKED + 0x1000) }]);
  t.end();
});
