import { chmod, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { BuildProgress } from '../toolchain/toolchain-context.ts';
import { grubBuild, grubBuildIfCached, type GrubRequest } from './build.ts';

// A GRUB in miniature: the files and make targets that the build touches, and modules that are one line of text.
const CONFIGURE = `#!/bin/sh -e
top=$(dirname "$0")
[ "$PYTHON" = python3 ]
version=$(sed -n 's/^AC_INIT(.GRUB.,.\\([^]]*\\).*/\\1/p' "$top/configure.ac")
echo "#define PACKAGE_STRING \\"GRUB $version\\"" > config.h
mkdir -p grub-core/lib/gnulib
echo 'all:' > grub-core/lib/gnulib/Makefile
sed "s,@TOP@,$top," "$top/core.mk" > grub-core/Makefile
printf 'grub-%%:\\n\\techo "#!/bin/sh" > $@\\n' > Makefile
`;
const CORE_MAKEFILE = `MAKEFLAGS += -r
.PHONY: all check
.DEFAULT_GOAL = all
# @CHECK@
platform_DATA = multiboot2.mod multiboot.mod normal.mod extra.mod kernel.img moddep.lst
all: $(if $(MOD_FILES),$(CHECK)) $(platform_DATA)
version = printf '%s\\0' "$$(sed -n 's/.*"\\(.*\\)"/\\1/p' ../config.h)"
multiboot2.mod: @TOP@/grub-core/loader/multiboot_mbi2.c
	{ $(version); grep -o 'relocatable = .;' $<; } > $@
normal.mod: @TOP@/grub-core/normal/main.c
	$(version) > $@
%.mod:
	$(version) > $@
%.img %.lst:
	echo $@ > $@
`;

function miniature(): Record<string, unknown> {
  return {
    'configure.ac': 'AC_INIT([GRUB],[2.99],[nobody])\n',
    'autogen.sh': '#!/bin/sh\n',
    configure: CONFIGURE,
    'core.mk': CORE_MAKEFILE,
    include: {
      'multiboot2.h':
        '#define MULTIBOOT_TAG_TYPE_LOAD_BASE_ADDR 21\n#define MULTIBOOT_HEADER_TAG_RELOCATABLE 10\n',
    },
    'grub-core': {
      lib: { gnulib: { 'stdlib.in.h': '' } },
      normal: { 'main.c': '' },
      loader: {
        i386: { 'multiboot_mbi.c': '' },
        'multiboot_mbi2.c':
          'case MULTIBOOT_HEADER_TAG_RELOCATABLE:\n  mld.relocatable = 1;\n' +
          'tag->type = MULTIBOOT_TAG_TYPE_LOAD_BASE_ADDR;\n',
      },
    },
  };
}

interface Bench {
  readonly source: string;
  readonly context: { cacheRoot: string; onProgress: (event: BuildProgress) => void };
  readonly events: BuildProgress[];
  readonly request: (variant: GrubRequest['variant']) => GrubRequest;
}

async function bench(t: Test, patches: Record<string, string> = {}): Promise<Bench> {
  const root = t.testdir({ source: miniature() as never, patches });
  const source = join(root, 'source');
  for (const program of ['autogen.sh', 'configure']) await chmod(join(source, program), 0o755);
  const events: BuildProgress[] = [];
  const context = {
    cacheRoot: join(root, 'cache'),
    onProgress: (event: BuildProgress) => void events.push(event),
  };
  const patched = Object.keys(patches).length > 0 ? { patchesDirectory: join(root, 'patches') } : {};
  const request = (variant: GrubRequest['variant']): GrubRequest => ({
    source: { kind: 'folder', path: source },
    variant,
    ...patched,
  });
  return { source, context, events, request };
}

t.test('one build gives the kept variants, each naming itself', async (t) => {
  const { context, request, events } = await bench(t);
  t.equal(await grubBuildIfCached(request('standard'), context), undefined);
  const standard = await grubBuild(request('standard'), context);
  t.equal(standard.version, `2.99-loadbase.${standard.digest.slice(0, 8)}`);
  t.ok((await readdir(standard.platforms['i386-pc'])).includes('boot.img'));
  t.ok((await readdir(standard.platforms['x86_64-efi'])).includes('lsefimmap.mod'));
  t.equal(await readFile(standard.mkimage, 'utf8'), '#!/bin/sh\n');
  t.equal(await readFile(standard.scriptCheck, 'utf8'), '#!/bin/sh\n');

  const control = await grubBuildIfCached(request('no-relocation'), context);
  t.equal(control?.version, `2.99-loadbase.no-relocation.${control?.digest.slice(0, 8)}`);
  for (const platform of ['i386-pc', 'x86_64-efi'] as const) {
    const read = (build: typeof standard | undefined, module: string): Promise<string> =>
      readFile(join(build?.platforms[platform] ?? '', module), 'latin1');
    t.equal(await read(standard, 'multiboot2.mod'), `GRUB ${standard.version}\0relocatable = 1;\n`);
    t.equal(await read(control, 'multiboot2.mod'), `GRUB ${control?.version}\0relocatable = 0;\n`);
    t.match(await read(control, 'normal.mod'), control?.version);
    t.equal(
      await read(control, 'ls.mod'),
      await read(standard, 'ls.mod'),
      'what the change does not touch is not made again',
    );
  }
  events.length = 0;
  t.same(await grubBuild(request('standard'), context), standard);
  t.same(events, [], 'a second call builds nothing');
});

t.test(
  'a sabotaged GRUB is built only where it is asked for, with all others that this source allows',
  async (t) => {
    const { context, request, source, events } = await bench(t);
    await grubBuild(request('standard'), context);
    t.equal(await grubBuildIfCached(request('sabotage-alignment-forgotten'), context), undefined);
    const loader = join(source, 'grub-core', 'loader', 'multiboot_mbi2.c');
    const align = 'mld.align = rel_tag->align;\n';
    await writeFile(loader, (await readFile(loader, 'utf8')) + align + 'switch (rel_tag->preference)\n');
    const lost = await grubBuild(request('sabotage-alignment-forgotten'), context);
    t.equal(lost.version, `2.99-loadbase.sabotage-alignment-forgotten.${lost.digest.slice(0, 8)}`);
    t.ok(await grubBuildIfCached(request('sabotage-preference-ignored'), context), 'built alongside');
    t.ok(
      events.some(
        ({ state, detail }) => state === 'notice' && /no sabotage-entry-off of this GRUB/.test(detail ?? ''),
      ),
      'what cannot be made of this source is told',
    );
    await t.rejects(grubBuild(request('sabotage-entry-off'), context), {
      name: 'TransformNotAppliedError',
    });
    t.match(await readFile(loader, 'utf8'), align, 'the source itself is not changed');
  },
);

t.test('the key follows source, patches and variant', async (t) => {
  const { context, request, source } = await bench(t);
  const { digest } = await grubBuild(request('standard'), context);
  await writeFile(join(source, 'grub-core', 'normal', 'main.c'), '/* changed */\n');
  t.equal(await grubBuildIfCached(request('standard'), context), undefined);
  t.not((await grubBuild(request('standard'), context)).digest, digest);
});

t.test('patches go in before our own transforms', async (t) => {
  const patch =
    '--- a/configure.ac\n+++ b/configure.ac\n@@ -1 +1 @@\n-AC_INIT([GRUB],[2.99],[nobody])\n+AC_INIT([GRUB],[3.00],[nobody])\n';
  const { context, request } = await bench(t, { 'version.patch': patch });
  t.match((await grubBuild(request('standard'), context)).version, /^3\.00-loadbase\./);
});

t.test('a GRUB whose modules differ from our table is built whole, with a notice', async (t) => {
  const { context, request, source, events } = await bench(t);
  const check = 'CHECK = check\ncheck:\n\t@echo grub_x in y is not defined >&2; exit 1\n';
  await writeFile(join(source, 'core.mk'), CORE_MAKEFILE.replace('# @CHECK@\n', check));
  const { platforms } = await grubBuild(request('standard'), context);
  t.ok((await readdir(platforms['i386-pc'])).includes('extra.mod'));
  t.ok(events.some(({ state, detail }) => state === 'notice' && /building all of them/.test(detail ?? '')));
  t.ok(await grubBuildIfCached(request('no-relocation'), context));
});

t.test('another failure of make is not taken for that', async (t) => {
  const { context, request, source } = await bench(t);
  await writeFile(join(source, 'core.mk'), 'all:\n\t@echo x.c:1:1: error: broken; exit 1\n');
  await t.rejects(grubBuild(request('standard'), context), {
    name: 'BuildFailedError',
    task: 'grub',
    step: 'modules i386-pc',
    firstError: 'x.c:1:1: error: broken',
  });
});

t.test('a GRUB without the feature is refused before it is compiled', async (t) => {
  const { context, request, source, events } = await bench(t);
  await writeFile(join(source, 'include', 'multiboot2.h'), '#define MULTIBOOT_TAG_TYPE_LOAD_BASE_ADDR 21\n');
  await t.rejects(grubBuild(request('standard'), context), {
    name: 'SourceFeatureMissingError',
    message: /relocatable header tag/,
  });
  t.notOk(events.some(({ step }) => step === 'autogen'));
});

t.test('a GRUB we cannot take the feature out of has no control, and the control says why', async (t) => {
  const { context, request, source, events } = await bench(t);
  const loader = join(source, 'grub-core', 'loader', 'multiboot_mbi2.c');
  await writeFile(loader, (await readFile(loader, 'utf8')).replace('mld.relocatable', 'load.relocatable'));
  await t.rejects(grubBuild(request('no-relocation'), context), {
    name: 'TransformNotAppliedError',
    file: /multiboot_mbi2\.c/,
  });
  t.notOk(
    events.some(({ step }) => step === 'autogen'),
    'refused at once',
  );
  t.ok(await grubBuild(request('standard'), context));
  t.ok(events.some(({ state, detail }) => state === 'notice' && /no negative control/.test(detail ?? '')));
});

t.test('a clone that was never bootstrapped is told what to do', async (t) => {
  const { context, request, source } = await bench(t);
  await rm(join(source, 'grub-core', 'lib'), { recursive: true });
  await t.rejects(grubBuild(request('standard'), context), {
    name: 'GrubNotBootstrappedError',
    message: /bootstrap/,
  });
});

t.test('a loader that does not name itself is not kept', async (t) => {
  const { context, request, source } = await bench(t);
  await writeFile(join(source, 'configure'), CONFIGURE.replace('GRUB $version', 'GRUB 2.99'));
  await t.rejects(grubBuild(request('standard'), context), {
    message: /does not name itself GRUB 2\.99-loadbase/,
  });
  t.equal(await grubBuildIfCached(request('standard'), context), undefined);
});

t.test('what somebody built in the folder is cleaned in our copy, not in theirs', async (t) => {
  const { context, request, source } = await bench(t);
  await writeFile(join(source, 'config.status'), '');
  await writeFile(
    join(source, 'Makefile'),
    'distclean:\n\trm config.status autogen.sh\n\tprintf "#!/bin/sh\\n" > autogen.sh; chmod +x autogen.sh; echo cleaned >> normal-was\n',
  );
  await grubBuild(request('standard'), context);
  t.notOk((await readdir(source)).includes('normal-was'));
  t.ok((await readdir(source)).includes('config.status'));
});
