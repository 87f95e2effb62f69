import t from 'tap';
import { GRUB_PLATFORMS, PLATFORM_PARTS, trimmedMakeVariables } from './modules.ts';
import { versionInConfigureAc, versionSuffixTransform } from './transforms.ts';
import { versionSuffix } from './variants.ts';
import { transformed } from '../sources/transforms.ts';

t.test('no module is named twice, and each stands in every list that make needs', (t) => {
  for (const platform of GRUB_PLATFORMS) {
    const parts = PLATFORM_PARTS[platform];
    t.equal(new Set(parts.modules).size, parts.modules.length);
    const variables: Record<string, string[]> = {};
    for (const text of trimmedMakeVariables(parts)) {
      const [name = '', words = ''] = text.split('=');
      variables[name] = words.split(' ');
    }
    for (const module of parts.modules) {
      t.ok(variables['MODULE_FILES']?.includes(`${module}.module`));
      t.ok(variables['MARKER_FILES']?.includes(`${module}.marker`));
      t.ok(variables['platform_DATA']?.includes(`${module}.mod`));
      t.ok(variables['platform_PROGRAMS']?.includes(`${module}.module`));
    }
    t.same(variables['noinst_DATA'], ['']);
  }
  t.end();
});

t.test('the version suffix goes after the version, in each form of AC_INIT', (t) => {
  for (const text of [
    'AC_INIT([GRUB],[2.06],[x@y])',
    'AC_INIT([GRUB], [2.12~rc1], [x])',
    'AC_INIT(GRUB, 2.02)',
  ]) {
    const version = versionInConfigureAc(text);
    t.match(version, /^2\./);
    const changed = transformed(text, versionSuffixTransform('-loadbase.12345678'));
    t.equal(versionInConfigureAc(changed), `${version}-loadbase.12345678`);
  }
  t.equal(versionInConfigureAc('AC_INIT([other],[1])'), undefined);
  t.end();
});

t.test("no variant's suffix is a part of the other's", (t) => {
  const digest = '0123456789abcdef'.repeat(4);
  const [standard, control] = [versionSuffix('standard', digest), versionSuffix('no-relocation', digest)];
  t.equal(standard, '-loadbase.01234567');
  t.notOk(control.includes(standard) || standard.includes(control));
  t.end();
});
