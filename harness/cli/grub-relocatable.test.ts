/** CLAIM: the conformance scenario asks for every window case, under each firmware, each by a name of its own. */
import t from 'tap';
import { windowCases } from '../grub/window-cases.ts';
import { selectInstances } from '../scenario/instance-name.ts';
import { PROBE_VARIANTS } from '../specimen/probe-variants.ts';
import scenario from '../../scenarios/grub-relocatable.scenario.ts';
import { SCENARIOS } from '../../scenarios/index.ts';

const all = scenario.instances();

t.test('it is in the matrix, and no name of the matrix comes twice', async (t) => {
  t.ok(SCENARIOS.includes(scenario));
  const names = SCENARIOS.flatMap((one) => one.instances()).map(({ name }) => name);
  t.equal(new Set(names).size, names.length);
  for (const name of names) t.match(name, /^[a-z0-9~-]+$/, 'a file name, and no glob');
});

for (const firmware of ['bios', 'efi'] as const)
  t.test(`the cases of ${firmware}`, async (t) => {
    const own = all.filter((instance) => instance.firmware === firmware);
    t.ok(own.length >= 40, `${own.length} instances`);
    const asked = own.flatMap(({ base, subject }) => (base.kind === 'window' ? [[base.name, subject]] : []));
    t.strictSame(
      asked,
      windowCases(firmware).map(({ name }) => [name, 'probe']),
      'every window case, in order, of the plain probe',
    );
    const variants = own.filter(({ base }) => base.kind === 'any').map(({ subject }) => subject);
    t.ok(variants.length >= 5 && variants.every((name) => PROBE_VARIANTS.some((known) => known === name)));
    t.notOk(
      variants.some((name) => /garbage|half|wrong|endless|twice|silent/.test(name)),
      'none that does not tell the truth',
    );
  });

t.test('a case and a variant are found by their names', async (t) => {
  const [first] = selectInstances(all, ['grub-relocatable~efi~middle-0x200000-high']);
  t.match(first, { subject: 'probe', base: { kind: 'window', name: 'middle-0x200000-high' } });
  t.match(selectInstances(all, ['*~probe-fixed']), [{ firmware: 'bios' }, { firmware: 'efi' }]);
});
