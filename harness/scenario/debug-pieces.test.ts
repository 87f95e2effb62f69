import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bench } from '../qemu/testdata/bench.ts';
import { smallXen } from '../xen/testdata/small-xen.ts';
import { bootPieces, gdbArguments, symbolOffset } from './debug-pieces.ts';
import { loadSubject } from './subject.ts';
import { fakeArtifacts, planned } from './testdata/fake-run.ts';

const build = t.testdir();
const folder = join(build, "a folder's name");
mkdirSync(folder);
const xen = smallXen(build);
const [image, syms] = [join(folder, 'xen'), join(folder, 'xen-syms')];
writeFileSync(image, xen.imageFile);
writeFileSync(syms, xen.symbolFile);
const subject = await loadSubject('xen', image, syms, 'small');

t.test('gdb itself finds each symbol where the image is, and at its own high address', async (t) => {
  for (const loadBase of [0x200000, 0x3e00000, 0x9c000000]) {
    const here = xen.symbols.linkTime('trampoline_setup') + loadBase - 0x200000;
    const high = xen.symbols.linear('trampoline_setup');
    const argv = gdbArguments({ gdbSocket: '/not/connected', loadBase, subject });
    const beforeConnecting = argv.slice(0, -2);
    const ask = [here + 1, high].flatMap((address) => ['-ex', `info symbol 0x${address.toString(16)}`]);
    const said = execFileSync('gdb', ['-nx', '-batch', ...beforeConnecting, ...ask], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    t.match(said, /^trampoline_setup \+ 1 in section \.text/m);
    t.match(said, /^trampoline_setup in section \.text/m);
  }
});

t.test('connecting is the last thing, and an image without symbols goes without', async (t) => {
  const argv = gdbArguments({ gdbSocket: '/tmp/x/gdb', loadBase: 0x3e00000, subject });
  t.strictSame(argv.slice(-2), ['-ex', 'target remote /tmp/x/gdb']);
  const bare = await loadSubject('xen', image, undefined, 'small');
  const without = gdbArguments({ gdbSocket: '/tmp/x/gdb', loadBase: 0x3e00000, subject: bare });
  t.notMatch(without.join(' '), 'symbol-file');
  t.strictSame(without.slice(-2), ['-ex', 'target remote /tmp/x/gdb']);
});

t.test('the offset is a 64-bit difference that wraps', async (t) => {
  t.equal((symbolOffset(subject, 0x3e00000) + 0xffff82d040200000n) % 2n ** 64n, 0x3e00000n);
});

t.test('what is booted is what a run would boot', async (t) => {
  const at = bench(t);
  const pieces = bootPieces(await planned(at), await fakeArtifacts(at, 'refuses'));
  t.match(pieces.payload.choice, { mode: 'boot', protocol: 'multiboot2', arguments: 'console=com1' });
  t.strictSame(pieces.driver.notPossible, ['all after the entry: the image came without symbols']);
  const report = { choice: 'x', memoryMap: [], loadBase: 0x3e00000, relocatable: true, errors: [] };
  t.equal(pieces.loadBase(report), 0x3e00000);
  t.equal(
    pieces.loadBase({ ...report, loadBase: undefined }),
    0x200000,
    'a loader that says nothing: link base',
  );
});
