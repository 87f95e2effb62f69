/** CLAIM: a profile is read as it was written; one that is none is refused by name, with the place of the mistake. */
import t from 'tap';
import { encodeMachineProfile, leavesAlone, parseMachineProfile } from './machine-profile.ts';
import { goldenProfile } from './testdata/profile-run.ts';
import { SMALL_JSON, smallProfile } from './testdata/small-profile.ts';

t.test('there and back', async (t) => {
  for (const profile of [smallProfile(), ...['bios', 'efi', 'efi-512'].map(goldenProfile)])
    t.same(parseMachineProfile(encodeMachineProfile(profile)), profile, profile.name);
});

t.test('what is none', async (t) => {
  const spoiled = (changes: object): string => JSON.stringify({ ...SMALL_JSON, ...changes });
  const information = SMALL_JSON.bootInformation;
  const cases: [what: string, json: string, message: RegExp][] = [
    ['no JSON', '{', /it is no JSON text; make it again with npm run promote-machine/],
    ['another file', '{"schema":"loadbase.golden/1"}', /schema: /],
    [
      'an address',
      spoiled({ memory: [{ address: '12', bytes: '00' }] }),
      /memory.0.address: expected a number such as/,
    ],
    ['odd digits', spoiled({ memory: [{ address: '0x12', bytes: '0' }] }), /memory.0.bytes: expected bytes/],
    ['a register', spoiled({ entry: { fields: { zax: '0x1' }, rules: {} } }), /entry.fields/],
    ['a rule', spoiled({ entry: { fields: {}, rules: { rip: 'somewhere' } } }), /entry.rules.rip/],
    [
      'a tag that is made for each boot',
      spoiled({ bootInformation: { ...information, tags: [{ type: 21, payload: '00' }] } }),
      /a tag that is made for each boot has a payload/,
    ],
    [
      'a tag of nothing',
      spoiled({ bootInformation: { ...information, tags: [{ type: 4 }] } }),
      /or another has none/,
    ],
  ];
  for (const [what, json, message] of cases)
    t.throws(() => parseMachineProfile(json), { name: 'MachineProfileError', message }, what);
  const profile = smallProfile();
  t.throws(() => encodeMachineProfile({ ...profile, memory: [{ address: -1, bytes: new Uint8Array(1) }] }), {
    name: 'MachineProfileError',
  });
});

t.test('a place for an image', async (t) => {
  const profile = smallProfile();
  t.equal(leavesAlone(profile, 0xff000, 0x100000), true);
  t.equal(leavesAlone(profile, 0xff000, 0x100001), false);
  t.equal(leavesAlone(profile, 0x100fff, 0x200000), false);
  t.equal(leavesAlone(profile, 0x101000, 0x200000), true);
  const [first, second] = [goldenProfile('efi'), goldenProfile('efi-512')];
  for (let base = 0x200000; base < 0xffc00000; base += 0x200000)
    if (!leavesAlone(first, base, base + 0x3c8000) && !leavesAlone(second, base, base + 0x3c8000))
      t.fail(`no EFI machine has room at ${base.toString(16)}`);
});
