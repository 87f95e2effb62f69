import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { BuildProgress } from '../toolchain/toolchain-context.ts';
import { xenBuild, xenBuildIfCached, type XenRequest } from './build.ts';

// A Xen in miniature: the make targets that the build uses, and an image that says how it was made.
const MAKEFILE = `all:
	echo "$(XEN_TARGET_ARCH) [$(efi-y)] $(XEN_WHOAMI)@$(XEN_DOMAIN) $(XEN_BUILD_DATE) $(GIT)" > xen
	echo "$(EXTRA_CFLAGS_XEN_CORE)" > xen-syms
olddefconfig:
	echo CONFIG_MORE=y >> .config
distclean:
	rm .config stale.o
`;

async function bench(t: Test): Promise<{
  source: string;
  context: { cacheRoot: string; onProgress: (event: BuildProgress) => void };
  request: XenRequest;
}> {
  const head = { 'head.S': '.long MULTIBOOT2_HEADER_MAGIC\n' };
  const root = t.testdir({ source: { xen: { Makefile: MAKEFILE, arch: { x86: { boot: head } } } } });
  const source = join(root, 'source');
  const context = { cacheRoot: join(root, 'cache'), onProgress: () => undefined };
  return { source, context, request: { source: { kind: 'folder', path: source } } };
}

t.test('builds image, symbols and configuration', async (t) => {
  const { context, request } = await bench(t);
  t.equal(await xenBuildIfCached(request, context), undefined);
  const built = await xenBuild(request, context);
  const identity = `loadbase@loadbase Thu Jan  1 00:00:00 UTC 1970 /bin/false`;
  t.equal(await readFile(built.image, 'utf8'), `x86_64 [] ${identity}\n`);
  t.match(await readFile(built.symbols, 'utf8'), /^-g -ffile-prefix-map=\S+=\. -fdebug-prefix-map=\S+=\.$/m);
  t.equal(await readFile(built.config, 'utf8'), '# CONFIG_DEBUG is not set\nCONFIG_MORE=y\n');
  t.same(await xenBuildIfCached(request, context), built);
});

t.test('what somebody built in the folder is not used', async (t) => {
  const { context, request, source } = await bench(t);
  await writeFile(join(source, 'xen', '.config'), 'CONFIG_DEBUG=y\n');
  await writeFile(join(source, 'xen', 'stale.o'), '');
  const built = await xenBuild(request, context);
  t.equal(await readFile(built.config, 'utf8'), '# CONFIG_DEBUG is not set\nCONFIG_MORE=y\n');
  t.equal(await readFile(join(source, 'xen', '.config'), 'utf8'), 'CONFIG_DEBUG=y\n');
});

t.test('another folder is not taken for Xen', async (t) => {
  const { context, request, source } = await bench(t);
  await writeFile(join(source, 'xen', 'arch', 'x86', 'boot', 'head.S'), '');
  await t.rejects(xenBuild(request, context), {
    name: 'SourceFeatureMissingError',
    message: /Multiboot2 header/,
  });
});

t.test('a failed compilation is told with its first error', async (t) => {
  const { context, request, source } = await bench(t);
  await writeFile(
    join(source, 'xen', 'Makefile'),
    MAKEFILE.replace('all:', 'all:\n\t@echo "head.S:1: Error: no such instruction"; exit 1'),
  );
  await t.rejects(xenBuild(request, context), {
    name: 'BuildFailedError',
    step: 'compile',
    firstError: 'head.S:1: Error: no such instruction',
  });
});
