/** CLAIM: a forgotten base changes the image's bytes and the symbol file's alike, and those only. */
import t from 'tap';
import { mutantDefect } from './mutant-defect.ts';
import type { XenReader } from './xen-reader.ts';

t.test('one patch, whatever Xen is read', async (t) => {
  const mutant = {
    kind: 'operand',
    linkTime: 0x3f_b70d,
    original: 'mov 0x10(%esi),%ecx',
    mutated: 'mov 0x10,%ecx',
  };
  const bytes = Uint8Array.of(0x8b, 0x0d, 0x10, 0, 0, 0);
  const { name, claim, make, instances } = mutantDefect(mutant, bytes, 'xen-early-boot~bios~base-0x03e00000');
  t.equal(name, 'forgotten-operand-3fb70d');
  t.equal(claim, 'mov 0x10(%esi),%ecx at 0x3fb70d has become mov 0x10,%ecx');
  t.same(instances, ['xen-early-boot~bios~base-0x03e00000']);
  t.equal(make.depth, 'image');
  if (make.depth === 'image') t.same(make.patches({} as XenReader), [{ linkTime: 0x3f_b70d, bytes }]);
  t.match(mutantDefect({ ...mutant, symbol: 'start+0x4' }, bytes, '').claim, / at start\+0x4 /);
});
