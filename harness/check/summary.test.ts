/** CLAIM: each defect is told once, wherever it was seen, and with the bases at which a console would say so. */
import t from 'tap';
import type { BaseResult } from './contract.ts';
import { summarise } from './summary.ts';
import { findingAt, LINKED, resultAt } from './testdata/results.ts';

const BASES = [0x200000, 0x400000, 0x3e00000, 0x80000000];
const everywhere = (make: (base: number) => BaseResult) => BASES.map(make);

t.test('all holds', (t) => {
  const summary = summarise(
    [
      ...everywhere((base) => resultAt(base, { notes: ['known', `at 0x00000ffc stands 3eb${base}00…`] })),
      resultAt(0x4001000, { ending: { kind: 'said', text: 'ERR: 2Mb' }, endState: [] }),
      resultAt(0x200000, { entry: 'efi' }),
    ],
    LINKED,
  );
  t.equal(summary.holds, true);
  t.strictSame(summary.defects, []);
  t.strictSame(summary.failures, []);
  t.strictSame(summary.notes, ['known', `at 0x00000ffc stands 3eb${0x200000}00…`]);
  t.match(summary.entries, [
    {
      entry: 'bios',
      tried: [0x200000, 0x400000, 0x3e00000, 0x4001000, 0x80000000],
      held: [0x200000, 0x400000, 0x3e00000, 0x4001000, 0x80000000],
      executed: 350_000,
      ends: [
        { text: 'reaches __start_xen', bases: BASES },
        { text: 'says “ERR: 2Mb” and halts', bases: [0x4001000] },
      ],
      example: { loadBase: 0x3e00000 },
    },
    { entry: 'efi', tried: [0x200000] },
  ]);
  t.end();
});

const STORE = 0x3c1234;
const LATER = 0x3c2000;

t.test('a defect: one instruction, several bases and entries', (t) => {
  const dead: Partial<BaseResult> = {
    ending: {
      kind: 'stopped',
      reason: { kind: 'triple fault', vector: 14, errorCode: 2 },
      linear: 0x400000n + 0x100n,
    },
    endsAsExpected: false,
  };
  const summary = summarise(
    [
      ...everywhere((base) =>
        resultAt(base, {
          findings:
            base === LINKED.linkBase
              ? []
              : [findingAt(STORE, base), findingAt(LATER, base, { rule: 'foreign-write' })],
          ...(base === 0x400000 ? dead : {}),
        }),
      ),
      resultAt(0x3e00000, { entry: 'efi', findings: [findingAt(STORE, 0x3e00000)] }),
    ],
    LINKED,
  );
  t.equal(summary.holds, false);
  t.match(summary.defects, [
    {
      rule: 'link-time-write',
      linkTime: BigInt(STORE),
      where: [
        {
          entry: 'bios',
          bases: [0x400000, 0x3e00000, 0x80000000],
          shows: [0x400000],
          silent: [0x3e00000, 0x80000000],
        },
        { entry: 'efi', bases: [0x3e00000], shows: [], silent: [0x3e00000] },
      ],
      example: { entry: 'bios', loadBase: 0x3e00000, finding: { touched: 0x523480n } },
    },
    { rule: 'foreign-write', linkTime: BigInt(LATER) },
  ]);
  t.equal(summary.defects.length, 2);
  t.match(summary.failures, [
    {
      kind: 'ending',
      text: 'dies of a triple fault (first exception 14, error code 0x2)',
      places: [0x200100n],
      where: [{ bases: [0x400000] }],
    },
  ]);
  t.strictSame(summary.entries[0]?.held, [0x200000]);
  t.end();
});

t.test('a code outside the image has its own address', (t) => {
  const inTrampoline = (base: number) =>
    findingAt(0, base, { instruction: { linear: 0x8c010n, bitness: 16, bytes: Uint8Array.of(0x90) } });
  const { defects } = summarise(
    everywhere((base) => resultAt(base, { findings: [inTrampoline(base)] })),
    LINKED,
  );
  t.equal(defects.length, 1);
  t.equal(defects[0]?.linkTime, 0x8c010n);
  t.end();
});

t.test('the same failure at several bases is one', (t) => {
  const { failures } = summarise(
    everywhere((base) =>
      resultAt(base, {
        endState: [
          { ok: false, text: `xen_phys_start is 0x0, not 0x${(base - 0x200000 + 0x100000).toString(16)}` },
          { ok: true, text: 'the GDT is the image’s' },
        ],
        asymmetries: [
          { place: 'image+0x10', reference: 1n, here: BigInt(base), instruction: 0x200040n },
          { place: 'rax', reference: 1n, here: BigInt(base) },
        ],
      }),
    ),
    LINKED,
  );
  t.match(failures, [
    {
      kind: 'end state',
      text: 'xen_phys_start is 0x0, not 0x3d00000',
      where: [{ bases: BASES, silent: BASES }],
    },
    {
      kind: 'asymmetry',
      text: /^image\+0x10 is 0x03e00000 at 0x03e00000; .* 0x00000001$/,
      places: [0x200040n],
    },
    { kind: 'asymmetry', text: /^rax/, places: [] },
  ]);
  t.equal(failures.length, 3);
  t.end();
});

t.test('control that went astray is one failure, wherever it went', (t) => {
  const { failures } = summarise(
    everywhere((base) =>
      resultAt(base, {
        ending: { kind: 'stopped', reason: { kind: 'halted' }, linear: BigInt(base) + 0x1000_0000n },
        endsAsExpected: false,
      }),
    ),
    LINKED,
  );
  t.match(failures, [{ places: [0x13e00000n], where: [{ bases: BASES, shows: BASES }] }]);
  t.equal(failures.length, 1);
  t.end();
});

t.test('an endless loop is one failure, whatever of it was met most', (t) => {
  const loop = (base: number, times: readonly number[]) =>
    times.map((each, n) => ({ linear: BigInt(base + 0x100 + 2 * n), times: each }));
  const most = [
    [9, 9, 9, 9, 1, 1],
    [9, 1, 1, 9, 9, 9],
    [9, 1, 9, 1, 9, 9],
    [9, 9, 9, 9, 9],
  ];
  const { failures } = summarise(
    BASES.map((base, n) =>
      resultAt(base, { ending: { kind: 'endless', loop: loop(base, most[n]!) }, endsAsExpected: false }),
    ),
    LINKED,
  );
  t.match(failures, [{ kind: 'ending', where: [{ bases: BASES }] }]);
  t.equal(failures.length, 1);
  t.end();
});

t.test('every other end has its words', (t) => {
  const at = (ending: BaseResult['ending']) =>
    summarise([resultAt(0x400000, { ending, endsAsExpected: false })], LINKED).failures[0];
  const linear = 0x400010n;
  const stopped = (reason: Extract<BaseResult['ending'], { kind: 'stopped' }>['reason']) =>
    at({ kind: 'stopped', reason, linear })?.text;
  t.match(
    at({
      kind: 'endless',
      loop: [10, 20, 30, 40, 50].map((n) => ({ linear: linear + BigInt(n), times: n })),
    }),
    {
      text: 'never ends: it loops over 5 instructions',
      places: [0x20001an, 0x20002en, 0x200038n, 0x200042n],
    },
  );
  t.match(at({ kind: 'endless', loop: [{ linear, times: 9 }] }), {
    text: /on one instruction/,
    places: [0x200010n],
  });
  t.match(at({ kind: 'unanswered', what: 'INT 0x15 with EAX 0xe820', linear }), {
    text: 'asks what no capture answers: INT 0x15 with EAX 0xe820',
    places: [0x200010n],
  });
  t.match(at({ kind: 'reached', where: '__start_xen' }), {
    text: 'reaches __start_xen, where another end is expected',
  });
  t.equal(
    stopped({
      kind: 'unknown opcode',
      bytes: Uint8Array.of(0x0f, 0xa2),
      bitness: 32,
      linear,
      mnemonic: 'cpuid',
    }),
    'comes to an opcode that the model does not know, 0fa2 (cpuid), in 32-bit code',
  );
  t.match(
    stopped({ kind: 'unknown memory', physical: 0x9000, sizeBytes: 4 }),
    /^reads 4 bytes at 0x00009000/,
  );
  t.match(stopped({ kind: 'left', linear: 0x10n }), /^goes to 0x00000010/);
  t.match(stopped({ kind: 'halted' }), /halts without a word/);
  t.match(stopped({ kind: 'triple fault', vector: 8, errorCode: undefined }), /first exception 8\)/);
  t.match(stopped({ kind: 'unsupported', what: 'a task switch' }), /a task switch/);
  t.match(stopped({ kind: 'limit' }), /bound/);
  t.end();
});
