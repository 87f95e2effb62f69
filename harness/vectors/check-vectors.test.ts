import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { join } from 'node:path';
import t from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import { checkVectors, type VectorFailure } from './check-vectors.ts';

const disassembler = await loadDisassembler();

async function check(entries: readonly unknown[]) {
  const failures: VectorFailure[] = [];
  const source = [Buffer.from(JSON.stringify(entries))];
  const counts = await checkVectors(source, 'a.json', disassembler, (failure) => failures.push(failure));
  return { ...counts, failures };
}

/** `inc eax` at 0x1000. */
const INC = {
  name: 'inc eax',
  mode: 32,
  bytes: '40',
  initial: { regs: { eax: '0x7fffffff', eip: 4096, eflags: 2 }, ram: [] },
  final: { regs: { eax: '0x80000000', eip: '0x1001', eflags: 0x896 }, ram: [] },
};

/** The same with some of its final part replaced. */
const withFinal = (final: object) => ({ ...INC, final: { ...INC.final, ...final } });

async function difference(entry: unknown): Promise<string> {
  const { failures } = await check([entry]);
  return failures.map(({ differences }) => differences.join('; ')).join('; ');
}

t.test('what comes out as it should passes', async (t) => {
  t.same(await check([INC, { ...INC, name: 'again' }]), { passed: 2, failed: 0, failures: [] });
  t.same(await check([]), { passed: 0, failed: 0, failures: [] });
});

t.test('every difference is named', async (t) => {
  t.equal(
    await difference(withFinal({ regs: { eip: 4097, eflags: 0x896 } })),
    'rax is 0x80000000, expected 0x7fffffff',
  );
  t.equal(
    await difference(withFinal({ regs: { eax: 1, ebx: 2, eip: 4097, eflags: 0x897 } })),
    'rax is 0x80000000, expected 0x1; rbx is 0x0, expected 0x2; rflags is 0x896, expected 0x897',
  );
  t.equal(
    await difference(withFinal({ regs: { ...INC.final.regs, eip: 4099 } })),
    'rip is 0x1001, expected 0x1003',
  );
  t.equal(
    await difference(withFinal({ ram: [[0x5000, 7]] })),
    'byte at 0x00005000 is 0x00, expected 0x07',
    'a byte that should have changed',
  );
  t.equal(
    await difference(withFinal({ exception: { vector: 13, errorCode: 0 } })),
    'no exception, expected exception 13 with error code 0x0',
  );
  const store = {
    ...{ name: 'mov', mode: 32, bytes: '8803' },
    initial: { regs: { eax: 5, ebx: 0x2000, eip: 0 }, ram: [[0x2000, 4]] },
    final: { regs: { eip: 2 } },
  };
  t.equal(
    await difference(store),
    'byte at 0x00002000 is 0x05, expected 0x04',
    'a byte that should not have changed',
  );
  const many = {
    ...store,
    bytes: 'f3aa',
    initial: { regs: { eax: 5, edi: 0x2000, ecx: 99 } },
    final: { regs: { edi: 0x2063, ecx: 0 } },
  };
  t.match(await difference(many), /^(byte at 0x[0-9a-f]+ is 0x05, expected 0x00; ){8}and more bytes$/);
});

t.test(
  'without an instruction pointer in final, the next instruction or the same one is right',
  async (t) => {
    const jump = (bytes: string) => ({
      name: 'jmp',
      mode: 32,
      bytes,
      initial: { regs: { eip: 0x1000 } },
      final: {},
    });
    t.equal(await difference(jump('eb00')), '');
    t.equal(await difference(jump('ebfe')), '');
    t.equal(await difference(jump('eb10')), 'rip is 0x1012, expected 0x1000');
  },
);

t.test('exceptions, before they are delivered', async (t) => {
  const divide = {
    ...{ name: 'div', mode: 32, bytes: 'f7f3' },
    initial: { regs: { eax: 5, eip: 0x1000 } },
    final: { exception: { vector: 0 } },
  };
  t.equal(await difference(divide), '');
  t.equal(
    await difference({ ...divide, final: { regs: { eip: 0x1002 } } }),
    'exception 0, expected no exception',
  );
  const beyond = {
    ...{ name: 'mov', mode: 16, bytes: '8b07' },
    initial: { regs: { bx: 0xffff } },
    final: { exception: { vector: 13, errorCode: '0x0' } },
  };
  t.equal(await difference(beyond), '');
  const wrongCode = { ...beyond, final: { exception: { vector: 13, errorCode: 8 } } };
  t.equal(
    await difference(wrongCode),
    'exception 13 with error code 0x0, expected exception 13 with error code 0x8',
  );
  t.equal(
    await difference({ ...divide, bytes: '0fff', final: { exception: { vector: 6 } } }),
    '',
    'no instruction: #UD',
  );
});

t.test('flags that the SDM or the vector leaves undefined are not compared', async (t) => {
  const and = (eflags: number, undefinedFlags?: number) => ({
    ...{ name: 'and', mode: 32, bytes: '21d8' },
    initial: { regs: { eax: 1, ebx: 3, eflags: 2 } },
    final: { regs: { eflags, eip: 2 } },
    ...(undefinedFlags !== undefined && { undefinedFlags }),
  });
  t.equal(await difference(and(0x02)), '');
  t.equal(await difference(and(0x12)), '', 'AF');
  t.equal(await difference(and(0x06)), 'rflags is 0x2, expected 0x6');
  t.equal(await difference(and(0x06, 4)), '');
});

t.test('modes, bases and names of registers', async (t) => {
  const real = {
    ...{ name: 'real', mode: 16, bytes: '89 07' },
    initial: { regs: { ax: 0x1234, bx: 0x10, ip: 0x100 }, segs: { cs: '0x20000', ds: 0x30000 }, ram: [] },
    final: {
      regs: { ip: 0x102 },
      ram: [
        [0x30010, 0x34],
        ['196625', 0x12],
      ],
    },
  };
  t.equal(await difference(real), '');
  const long = {
    ...{ name: 'long', mode: 64, bytes: '488b03' },
    initial: {
      regs: { rbx: '0xffff800000000ffc', rip: '0xffff900000000000' },
      ram: [['0xffff800000001000', 0xab]],
    },
    final: { regs: { rax: '0xab00000000', rip: '0xffff900000000003' } },
  };
  t.equal(await difference(long), '');
  const notCanonical = {
    ...long,
    initial: { regs: { rbx: '0x800000000000' } },
    final: { exception: { vector: 13 } },
  };
  t.equal(await difference(notCanonical), '');
  const push = {
    ...{ name: 'push cs', mode: 16, bytes: '0e' },
    initial: { regs: { cs: 0x1234, sp: 0x100 } },
    final: {
      regs: { sp: 0xfe, ip: 1 },
      ram: [
        [0xfe, 0x34],
        [0xff, 0x12],
      ],
    },
  };
  const { failures } = await check([push]);
  if (failures.length > 0) t.match(failures, [{ differences: ['the model has no semantics for 0e'] }]);
});

t.test('an instruction that runs away is stopped', async (t) => {
  const fill = { name: 'stos', mode: 32, bytes: 'f3ab', initial: { regs: { ecx: '0xffffffff' } }, final: {} };
  t.equal(await difference(fill), 'unsupported: more than 2048 pages of memory');
});

const without = (key: string): object =>
  Object.fromEntries(Object.entries(INC).filter(([name]) => name !== key));

t.test('malformed entries are named with index, name and path', async (t) => {
  for (const [entry, message] of [
    [5, /entry 1: /],
    [without('name'), /entry 1: name: /],
    [without('bytes'), /entry 1 \("inc eax"\): bytes: /],
    [without('initial'), /entry 1 \("inc eax"\): initial: /],
    [without('final'), /entry 1 \("inc eax"\): final: /],
    [{ ...INC, mode: 48 }, /: mode: expected 16, 32 or 64/],
    [{ ...INC, bytes: '4' }, /: bytes: expected pairs of hexadecimal digits/],
    [{ ...INC, bytes: 'xy' }, /: bytes: /],
    [{ ...INC, bytes: '' }, /: bytes: /],
    [{ ...INC, bytes: '90'.repeat(65) }, /: bytes: more than 64 bytes/],
    [{ ...INC, initial: { regs: { foo: 1 } } }, /: initial\.regs\.foo: is no register/],
    [{ ...INC, initial: { regs: { al: 1 } } }, /: initial\.regs\.al: is no register/],
    [
      { ...INC, initial: { regs: { ax: 65_536 } } },
      /: initial\.regs\.ax: expected an unsigned number of 16 bits/,
    ],
    [
      { ...INC, initial: { regs: { eax: -1 } } },
      /: initial\.regs\.eax: expected an unsigned number of 32 bits/,
    ],
    [{ ...INC, initial: { regs: { eax: 1.5 } } }, /: initial\.regs\.eax: /],
    [{ ...INC, initial: { regs: { eax: '5x' } } }, /: initial\.regs\.eax: /],
    [{ ...INC, initial: { segs: { eax: 5 } } }, /: initial\.segs\.eax: is no segment register/],
    [
      {
        ...INC,
        initial: {
          ram: [
            [1, 2],
            [3, 256],
          ],
        },
      },
      /: initial\.ram\.1\.1: .* 8 bits.* found 256/,
    ],
    [{ ...INC, initial: { ram: [[1]] } }, /: initial\.ram\.0/],
    [{ ...INC, initial: { memory: [] } }, /: initial: /],
    [withFinal({ regs: { constructor: 5 } }), /: final\.regs\.constructor: is no register/],
    [withFinal({ exception: { vector: 256 } }), /: final\.exception\.vector: /],
    [withFinal({ exception: {} }), /: final\.exception\.vector: /],
    [{ ...INC, undefinedFlags: 'CF' }, /: undefinedFlags: /],
  ] as const)
    await t.rejects(check([INC, entry, INC]), { name: 'VectorFileError', message }, String(message));
});

t.test('many malformed entries: twenty are named', async (t) => {
  const message = /^a\.json: 30 entries are malformed:\n( {2}entry \d+: .*\n){20} {2}and 10 more$/;
  await t.rejects(check(Array.from({ length: 30 }, () => 1)), { message });
});

// Each was run on a processor (AMD EPYC, user mode) from random registers, flags and memory; BSF and BSR of 0 are left out.
t.test('what a real processor does', async (t) => {
  const path = join(import.meta.dirname, 'testdata', 'amd-epyc.json.gz');
  const failures: VectorFailure[] = [];
  const source = createReadStream(path).pipe(createGunzip()) as AsyncIterable<Buffer>;
  const counts = await checkVectors(source, path, disassembler, (failure) => failures.push(failure));
  t.same(failures, []);
  t.same(counts, { passed: 2000, failed: 0 });
});
