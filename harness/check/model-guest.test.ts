/** CLAIM: the checks of live boots say of the model's end state what they say of a machine's, and agree with the fast ones. */
import t from 'tap';
import type { SymbolisedSubject } from '../subject/loaded-subject.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { STATE_WORDS, writeField } from '../x86/state/state-layout.ts';
import { observe } from '../xen/checkpoint-checks.ts';
import { walkPageTables } from '../xen/page-walk.ts';
import { ModelGuest } from './model-guest.ts';
import { BASES, goldenEnd, SpoiltEnd } from './testdata/golden-ends.ts';

t.test('registers, descriptor tables, memory', async (t) => {
  const words = new Int32Array(STATE_WORDS);
  const memory = new PhysicalMemory('zero');
  memory.load(0xfff, Uint8Array.of(1, 2));
  const fields = {
    ...{ rax: 1n, rsi: 0xffff_82d0_0000_0002n, 'cs.selector': 0x10n, 'cs.attributes': 0xaf9b00n },
    ...{ 'gdtr.base': 0x8000n, 'gdtr.limit': 0x27n, cr0: 0x8000_0011n, cr3: 0x1000n, a20: 1n },
  };
  for (const [name, value] of Object.entries(fields)) writeField(words, name, value);
  const guest = new ModelGuest({ loadBase: 0, words, memory });
  const { registers } = guest;
  t.match(registers, { rax: 1n, cs: 0x10n, cr0: 0x8000_0011n, cr3: 0x1000n });
  t.same([registers.get('rsi'), registers.get('nothing')], [0xffff_82d0_0000_0002n, undefined]);
  t.match(await guest.readMachineState(), {
    ...{ gdtr: { base: 0x8000n, limit: 0x27 }, a20: true, cr0: 0x8000_0011n },
    segments: { cs: { selector: 0x10, flags: 0xaf9b00 } },
  });
  t.same([...(await guest.readPhysical(0xffe, 4))], [0, 1, 2, 0]);
  await t.rejects(guest.readPhysical(2 ** 32 - 1, 2), RangeError);
});

const golden = await goldenEnd('efi', BASES[1]);

t.test('the checkpoint’s own checks', typeof golden === 'string' ? { skip: golden } : {}, async (t) => {
  if (typeof golden === 'string') return;
  const { symbols, image, loadBase } = golden;
  // Of the subject, these alone are looked at here.
  const subject = { symbols, loadBase, physicalStart: loadBase - image.linkBase } as SymbolisedSubject;
  const end = new SpoiltEnd(golden);
  const at = { name: '__start_xen', space: 'linear', linear: symbols.linear('__start_xen') } as const;
  const observed = () => observe(new ModelGuest(end), subject, at);
  t.same(
    (await observed()).filter(({ ok }) => !ok),
    [],
  );
  end.put(end.at('xen_phys_start'), 0);
  t.same(
    (await observed()).filter(({ ok }) => !ok).map(({ text }) => text),
    ['xen_phys_start is 0x0, not 0x7fe00000'],
  );
  end.mend();
  const linear = symbols.linear('__start_xen');
  const { cr3 } = new ModelGuest(end).registers;
  t.equal(
    await walkPageTables(new ModelGuest(end), cr3, linear),
    linear - symbols.virtualStart + BigInt(subject.physicalStart),
  );
});
