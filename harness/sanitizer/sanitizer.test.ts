import t from 'tap';
import { readField } from '../x86/state/state-layout.ts';
import { RULES } from './rules.ts';
import { IMAGE_BYTES, LINKED, LOADED, sanitizedRun, type SmallRun } from './testdata/sanitized-run.ts';

const found = (code: string, given: SmallRun = {}) =>
  sanitizedRun(code, given).findings.map(({ rule, touched, expected, times }) => ({
    rule,
    touched: Number(touched),
    ...(expected === undefined ? {} : { expected: Number(expected) }),
    times,
  }));

const clean = (memory: Record<number, string>) =>
  Object.fromEntries(Object.entries(memory).map(([at, hex]) => [at, hex.replaceAll(' ', '')]));

void t.test('code that stays with its base breaks no rule', (t) => {
  const code = `
    8b86 00002000     ; mov 0x200000(%esi),%eax
    8986 00102000     ; mov %eax,0x201000(%esi)
    8d86 00102000     ; lea 0x201000(%esi),%eax
    8986 04102000     ; mov %eax,0x201004(%esi)
    50 58 e8 00000000 58 f4`;
  t.same(found(code, { state: { rsi: BigInt(LOADED - LINKED) } }), []);
  t.end();
});

void t.test('each access to the link-time range is named, with where it should have gone', (t) => {
  const expected = LOADED + 0x1000;
  const touched = LINKED + 0x1000;
  t.same(found('a1 00102000 f4'), [{ rule: 'link-time-read', touched, expected, times: 1 }]);
  t.same(found('a3 00102000 f4'), [{ rule: 'link-time-write', touched, expected, times: 1 }]);
  t.same(found('8305 00102000 01 f4'), [{ rule: 'link-time-read', touched, expected, times: 1 }]);
  t.end();
});

void t.test('a finding is noted and the instruction executed all the same', (t) => {
  const { findings, cpu, reason } = sanitizedRun('c705 00102000 78563412 a1 00102000 f4');
  t.same(
    findings.map(({ rule }) => rule),
    ['link-time-write', 'link-time-read'],
  );
  t.equal(readField(cpu.words, 'rax'), 0x1234_5678n);
  t.equal(reason.kind, 'halted');
  t.equal(findings[0]?.instruction.linear, BigInt(LOADED));
  t.same(findings[0]?.instruction.bytes.subarray(0, 2), Uint8Array.of(0xc7, 0x05));
  t.end();
});

void t.test('a finding in a loop is one, with how often', (t) => {
  // mov $3,%ecx; 1: mov %eax,0x201000; loop 1b; hlt
  t.same(found('b9 03000000 a3 00102000 e2 f9 f4'), [
    { rule: 'link-time-write', touched: LINKED + 0x1000, expected: LOADED + 0x1000, times: 3 },
  ]);
  t.end();
});

void t.test('strings are seen, too', (t) => {
  // cld; mov $0x201000,%edi; mov $8,%ecx; rep stosl; hlt
  t.same(found('fc bf 00102000 b9 08000000 f3ab f4'), [
    { rule: 'link-time-write', touched: LINKED + 0x1000, expected: LOADED + 0x1000, times: 1 },
  ]);
  // mov $0x201000,%esi; mov $0x802000,%edi; rep movsl
  t.same(found('fc be 00102000 bf 00208000 b9 08000000 f3a5 f4'), [
    { rule: 'link-time-read', touched: LINKED + 0x1000, expected: LOADED + 0x1000, times: 1 },
  ]);
  t.end();
});

void t.test('accesses across the border of the link-time range', (t) => {
  const end = LINKED + IMAGE_BYTES;
  // mov %eax,0x203ffe
  t.same(found('a3 fe3f2000 f4', { territory: { owned: () => ({ start: 0, end: 0x1000_0000 }) } }), [
    { rule: 'link-time-write', touched: end - 2, expected: end - 2 + LOADED - LINKED, times: 1 },
  ]);
  t.end();
});

void t.test('control that goes to the link-time range', (t) => {
  // mov $0x201000,%eax; jmp *%eax; there: hlt, of zeros: add %al,(%eax)
  const [transfer] = sanitizedRun('b8 00102000 ffe0').findings;
  t.equal(transfer?.rule, 'link-time-execute');
  t.equal(transfer?.touched, BigInt(LINKED + 0x1000));
  t.equal(transfer?.instruction.linear, BigInt(LOADED + 5), 'the jump is named, not where it went');
  t.end();
});

void t.test('what is executed where control went astray is no finding of its own', (t) => {
  const rules = (code: string, memory: Record<number, string>) =>
    sanitizedRun(code, { memory }).findings.map(({ rule }) => rule);
  // mov $0x201000,%eax; jmp *%eax; there: nop; nop; hlt
  t.same(rules('b8 00102000 ffe0', { [LINKED + 0x1000]: '9090f4' }), ['link-time-execute']);
  // there: call 1f; hlt; 1: ret
  t.same(rules('b8 00102000 ffe0', { [LINKED + 0x1000]: 'e801000000f4c3' }), ['link-time-execute']);
  t.same(rules('b8 00005000 ffe0', { 0x50_0000: '9090f4' }), ['foreign-execute']);
  t.end();
});

void t.test('stored pointers', (t) => {
  const pointer = { rule: 'link-time-pointer', touched: 0x20_1234, expected: LOADED + 0x1234, times: 1 };
  // mov $0x201234,%eax; mov %eax,0x201000(%esi)
  const state = { rsi: BigInt(LOADED - LINKED) };
  t.same(found('b8 34122000 8986 00102000 f4', { state }), [pointer]);
  t.same(found('c786 00102000 34122000 f4', { state }), [pointer]);
  t.same(found('68 34122000 f4'), [pointer], 'pushed');
  t.same(found('b8 34122000 8dbe 00102000 ab f4', { state }), [pointer], 'stosl');
  t.same(found('48c7c0 34122000 4889 86 00102000 f4', { bitness: 64, state }), [pointer], 'eight bytes');
  t.same(found('48b8 3412200001000000 48898600102000 f4', { bitness: 64, state }), [], 'above 4 GiB');
  t.end();
});

void t.test('comparisons of where it is with where it was linked', (t) => {
  const compared = { rule: 'link-time-comparison', touched: 0x20_1000, expected: LOADED + 0x1000, times: 1 };
  // mov $0x201000,%ecx; lea 0x200800(%esi),%edx; cmp %ecx,%edx; hlt
  const state = { rsi: BigInt(LOADED - LINKED) };
  t.same(found('b9 00102000 8d96 00082000 39ca f4', { state }), [compared]);
  t.same(found('b9 00102000 8d96 00082000 39d1 f4', { state }), [compared], 'the other way round');
  t.same(found('8d8e 00102000 8d96 00082000 39ca f4', { state }), [], 'both as loaded');
  t.same(
    found('b9 00102000 ba 00082000 39ca f4', { state }),
    [],
    'both as linked: a difference is a difference',
  );
  t.same(found('b9 00102000 ba 00000010 39ca f4', { state }), [], 'with memory elsewhere');
  t.end();
});

void t.test('a pointer stored where it should not be: both are told', (t) => {
  // mov $0x201234,%eax; mov %eax,0x201000
  t.same(
    found('b8 34122000 a3 00102000 f4').map(({ rule }) => rule),
    ['link-time-pointer', 'link-time-write'],
  );
  t.end();
});

void t.test('memory that is nobody’s', (t) => {
  t.same(found('a3 00005000 f4'), [{ rule: 'foreign-write', touched: 0x50_0000, times: 1 }]);
  t.same(
    found('a3 00005000 f4', { territory: { owned: () => ({ start: 0x50_0000, end: 0x50_0800 }) } }),
    [],
    'its own',
  );
  t.same(
    found('a3 fe075000 f4', { territory: { owned: () => ({ start: 0x50_0000, end: 0x50_0800 }) } }),
    [{ rule: 'foreign-write', touched: 0x50_07fe, times: 1 }],
    'partly its own',
  );
  // mov $0x500000,%eax; jmp *%eax
  t.same(found('b8 00005000 ffe0', { memory: { 0x50_0000: 'f4' } }), [
    { rule: 'foreign-execute', touched: 0x50_0000, times: 1 },
  ]);
  t.end();
});

void t.test('descriptor tables and segments in the link-time range', (t) => {
  // lgdt 0x201000(%esi): limit 0x17, base 0x201100
  const memory = { [LOADED + 0x1000]: '1700 00112000', [LOADED + 0x1100]: '' };
  const state = { rsi: BigInt(LOADED - LINKED) };
  const [table] = sanitizedRun('0f0196 00102000 f4', { state, memory: clean(memory) }).findings;
  t.match(table, { rule: 'link-time-table', what: 'gdtr.base', touched: 0x20_1100n });
  t.equal(table?.instruction.linear, BigInt(LOADED));
  t.end();
});

void t.test('page tables in the link-time range, when paging begins', (t) => {
  // mov %cr4 with PAE; cr3 = LOADED + 0x1000; its entry 0 points to the link-time range
  const code = '0f20e0 83c820 0f22e0 b8 00108000 0f22d8 0f20c0 0d 00000080 0f22c0 f4';
  const memory = {
    [LOADED + 0x1000]: '0120200000000000',
    [LINKED + 0x2000]: '8300000000000000',
    [LINKED + 0x2000 + 4 * 8]: '8300800000000000',
  };
  const { findings } = sanitizedRun(code, { memory });
  const table = findings.find(({ what }) => what?.startsWith('entry 0'));
  t.match(table, { rule: 'link-time-table', touched: 0x20_2000n, expected: BigInt(LOADED + 0x2000) });
  t.equal(table?.instruction.linear, BigInt(LOADED + 9 + 5 + 3 + 3 + 5), 'the load of CR0 is named');
  t.end();
});

void t.test('the high half before its own tables', (t) => {
  const high = 0xffff_82d0_4020_0000n;
  const tables = (cr3: number): SmallRun => ({
    bitness: 64,
    // 4 levels: the lowest GiB as large pages, the high half to the image
    state: { cr3: BigInt(cr3), cr0: 0x8000_0011n, cr4: 0x20n, efer: 0xd00n, rbx: high + 0x1000n },
    memory: {
      [cr3]: entry(cr3 + 0x1000),
      [cr3 + 8 * 261]: entry(cr3 + 0x1000),
      [cr3 + 0x1000]: entry(0, 0x83),
      [cr3 + 0x1000 + 8 * 321]: entry(cr3 + 0x2000),
      [cr3 + 0x2000 + 8]: entry(LOADED, 0x83),
    },
    territory: { highHalf: { start: high, end: high + BigInt(IMAGE_BYTES) } },
  });
  t.match(sanitizedRun('488b03 f4', tables(0x5000)).findings, [
    { rule: 'early-high-half', deed: 'read', touched: high + 0x1000n },
  ]);
  t.match(sanitizedRun('488903 f4', tables(0x5000)).findings, [
    { rule: 'early-high-half', deed: 'write', touched: high + 0x1000n },
  ]);
  t.same(sanitizedRun('488b03 f4', tables(LOADED + 0x1000)).findings, [], 'its own tables');
  t.end();
});

function entry(address: number, flags = 3): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(address + flags));
  return bytes.toString('hex');
}

void t.test('at its link base an image may do as it likes with what is its own', (t) => {
  t.same(found('a3 00102000 68 34122000 f4', { loadBase: LINKED }), []);
  t.end();
});

void t.test('where the two overlap, only what is not the loaded image is link-time memory', (t) => {
  const loadBase = LINKED + 0x1000;
  t.same(found('a3 00202000 f4', { loadBase }), [], 'in both');
  t.same(
    found('a3 00082000 f4', { loadBase }).map(({ rule }) => rule),
    ['link-time-write'],
  );
  t.end();
});

void t.test('each rule has a test here or where firmware is called', (t) => {
  t.equal(new Set(RULES.map(({ name }) => name)).size, RULES.length);
  t.end();
});
