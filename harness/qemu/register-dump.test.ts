import { readFileSync } from 'node:fs';
import t from 'tap';
import { parseRegisterDump } from './register-dump.ts';

/** Printed by QEMU 7.2 at the first instruction of a kernel that GRUB 2.06 started. */
const dump = (name: string): string =>
  readFileSync(new URL(`testdata/registers-${name}.txt`, import.meta.url), 'utf8');

t.test('a CPU outside 64-bit mode, by its 32-bit names', (t) => {
  const state = parseRegisterDump(dump('multiboot32-bios'));
  t.match(state, {
    general: { rax: 0x36d76289n, rbx: 0x100008n, rsp: 0x7ff00n, rip: 0xfe00030n },
    rflags: 0x46n,
    segments: {
      cs: { selector: 0x10, base: 0n, limit: 0xffffffff, flags: 0x00cf9a00 },
      gs: { selector: 0x18, base: 0n, limit: 0xffffffff, flags: 0x00cf9300 },
    },
    gdtr: { base: 0x10b0n, limit: 0x20 },
    idtr: { base: 0n, limit: 0 },
    ...{ cr0: 0x11n, cr2: 0n, cr3: 0n, cr4: 0n, efer: 0n, a20: true, fcw: 0x37f, mxcsr: 0x1f80 },
  });
  t.equal(state.general['r8'], undefined);
  t.end();
});

t.test('a CPU in 64-bit mode', (t) => {
  t.match(parseRegisterDump(dump('efi64')), {
    general: { rax: 0x36d76289n, rbx: 0x3000n, rsp: 0xfea0300n, r8: 0x8669000n, r15: 0xe136aa0n },
    rflags: 0x200206n,
    segments: { cs: { selector: 0x38, flags: 0x00af9a00 }, ss: { selector: 0x30, base: 0n } },
    gdtr: { base: 0xf5db000n, limit: 0x47 },
    idtr: { base: 0xf07b018n, limit: 0xfff },
    ...{ cr0: 0x80010033n, cr3: 0xf801000n, cr4: 0x668n, efer: 0xd00n },
  });
  t.end();
});

t.test('any register missing is named; what older monitors leave out is undefined', (t) => {
  const text = dump('multiboot32-bios');
  for (const name of ['EAX', 'EIP', 'EFL', 'CS ', 'GS ', 'GDT', 'IDT', 'CR0', 'CR4', 'EFER'])
    t.throws(() => parseRegisterDump(text.replace(`${name}=`, '?=')), { name: 'RegisterDumpError' }, name);
  t.match(parseRegisterDump(text.replace('A20=1', '').replace(/FCW=.*\n/, '')), {
    a20: undefined,
    fcw: undefined,
    mxcsr: undefined,
  });
  t.equal(parseRegisterDump(text.replace('A20=1', 'A20=0')).a20, false);
  t.throws(() => parseRegisterDump(''), { message: /no RAX in what the monitor printed; ask it for/ });
  t.end();
});
