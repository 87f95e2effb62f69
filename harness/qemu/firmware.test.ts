import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { findEfiFirmware, FirmwareNotFoundError, judgeDescriptor } from './firmware.ts';

const plain = {
  'interface-types': ['uefi'],
  mapping: {
    device: 'flash',
    executable: { filename: 'CODE.fd', format: 'raw' },
    'nvram-template': { filename: 'VARS.fd', format: 'raw' },
  },
  targets: [{ architecture: 'x86_64', machines: ['pc-i440fx-*', 'pc-q35-*'] }],
  features: ['acpi-s3'],
};
const text = (changes: object) => JSON.stringify({ ...plain, ...changes });

t.test('descriptors that do not fit say why', async (t) => {
  t.match(judgeDescriptor(text({}), 'q35'), {
    kind: 'efi',
    executable: 'CODE.fd',
    variablesTemplate: 'VARS.fd',
  });
  t.match(judgeDescriptor('{', 'q35'), /^not JSON/);
  t.equal(judgeDescriptor(text({ 'interface-types': ['bios'] }), 'q35'), 'not UEFI');
  t.equal(judgeDescriptor(text({ features: ['requires-smm'] }), 'q35'), 'wants requires-smm');
  t.equal(
    judgeDescriptor(text({ targets: [{ architecture: 'x86_64', machines: ['pc-q35-*'] }] }), 'pc'),
    'not for x86_64 pc',
  );
  t.match(judgeDescriptor(text({ mapping: { device: 'memory' } }), 'q35'), /^not a flash pair/);
});

t.test(
  'a file in a folder of higher priority masks one of the same name; names decide the order',
  async (t) => {
    const root = t.testdir();
    const [etc, share] = [join(root, 'etc'), join(root, 'share')];
    await mkdir(etc);
    await mkdir(share);
    await writeFile(join(share, '60-plain.json'), text({}));
    await writeFile(join(share, '40-secure.json'), text({ features: ['secure-boot'] }));
    await writeFile(
      join(etc, '60-plain.json'),
      text({ mapping: { ...plain.mapping, executable: { filename: 'MINE.fd', format: 'raw' } } }),
    );
    t.match(await findEfiFirmware('q35', [etc, share]), { executable: 'MINE.fd' });
    t.match(await findEfiFirmware('q35', [share]), { executable: 'CODE.fd' });
  },
);

t.test('without firmware the error names the folders, what was passed over, and the package', async (t) => {
  const folder = t.testdir({ '40-secure.json': text({ features: ['secure-boot'] }) });
  await t.rejects(findEfiFirmware('q35', [folder]), FirmwareNotFoundError);
  await t.rejects(
    findEfiFirmware('q35', [folder]),
    /40-secure\.json wants secure-boot.*apt-get install ovmf/s,
  );
});
