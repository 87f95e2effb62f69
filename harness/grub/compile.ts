import { chmod, copyFile, mkdir, readFile, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { BuildFailedError } from '../toolchain/build-failed-error.ts';
import type { Workshop } from '../toolchain/workshop.ts';
import { GRUB_PLATFORMS, type GrubPlatform, PLATFORM_PARTS, trimmedMakeVariables } from './modules.ts';

/** Nothing that a boot does not need, and no warning of a newer compiler as an error. */
export const CONFIGURE_FLAGS = [
  ...['--disable-grub-mkfont', '--disable-grub-mount', '--disable-grub-themes', '--disable-grub-emu-sdl'],
  ...[
    '--disable-nls',
    '--disable-device-mapper',
    '--disable-libzfs',
    '--disable-liblzma',
    '--disable-efiemu',
  ],
  ...['--disable-werror'],
];

/** Host programs: mkimage makes boot files, script-check reads our .cfg files. */
export const HOST_TOOLS = ['grub-mkimage', 'grub-script-check'];

/** Measured with two cores, one build at a time. */
const MEASURED_MS = { autogen: 9_000, configure: 22_000, modules: 12_000, tools: 5_000, variant: 4_000 };

/** genmoddep.awk on a module whose dependency is not in the list; make on a module that this GRUB does not have. */
const TABLE_DOES_NOT_FIT =
  / in \S+ is not defined$|No rule to make target '?\S+\.(?:module|marker|mod|image|exec|img)\b/m;

const jobs = `-j${availableParallelism()}`;

/** GRUB, configured and compiled out of tree, one folder a platform. */
export class GrubTree {
  /** Which modules each platform was built with: those of our table, or all where the table does not fit. */
  readonly #makeVariables = new Map<GrubPlatform, readonly string[]>();

  constructor(
    readonly workshop: Workshop,
    /** The source's folder, inside the workshop. */
    readonly source: string,
  ) {}

  /** The folder of somebody who builds there holds a configuration and objects, which ours would pick up. */
  async removeBuiltFiles(): Promise<void> {
    if (!existsSync(join(this.source, 'config.status'))) return;
    await this.workshop.command('distclean', 'make', ['distclean'], { cwd: this.source });
  }

  /** @throws BuildFailedError */
  async compile(): Promise<void> {
    const { workshop, source } = this;
    await workshop.step('autogen', MEASURED_MS.autogen, () =>
      workshop.command('autogen', './autogen.sh', [], { cwd: source, env: { PYTHON: 'python3' } }),
    );
    await allPlatforms((platform) => this.#configure(platform));
    await allPlatforms((platform) => this.#makeModules(platform));
    await workshop.step('tools', MEASURED_MS.tools, () =>
      workshop.command('tools', 'make', [jobs, ...HOST_TOOLS], { cwd: this.#folder('i386-pc') }),
    );
  }

  /**
   * Compiles again what names GRUB's version, after the source of the Multiboot2 loader or relocator was changed.
   * `config.h` keeps its time, or make would compile everything again.
   */
  async recompileAs(step: string, oldVersion: string, newVersion: string): Promise<void> {
    await this.workshop.step(step, MEASURED_MS.variant, () =>
      allPlatforms(async (platform) => {
        await replaceKeepingTime(join(this.#folder(platform), 'config.h'), oldVersion, newVersion);
        const now = new Date();
        for (const file of ['normal/main.c', 'loader/multiboot_mbi2.c', 'loader/i386/multiboot_mbi.c'])
          await utimes(join(this.source, 'grub-core', file), now, now);
        const modules = ['multiboot2.mod', 'multiboot.mod', 'normal.mod', 'relocator.mod'];
        const variables = this.#makeVariables.get(platform) ?? [];
        await this.workshop.command(step, 'make', [jobs, ...variables, ...modules], {
          cwd: this.#core(platform),
        });
      }),
    );
  }

  /** Copies what boots need into `staging`: a folder of modules and images a platform, and `bin/`. */
  async stage(staging: string): Promise<void> {
    for (const platform of GRUB_PLATFORMS) {
      const core = this.#core(platform);
      const shipped = (await readdir(core)).filter((name) => /\.(?:mod|img|lst)$/.test(name));
      await mkdir(join(staging, platform));
      await Promise.all(shipped.map((name) => copyFile(join(core, name), join(staging, platform, name))));
    }
    await mkdir(join(staging, 'bin'));
    for (const tool of HOST_TOOLS) {
      await copyFile(join(this.#folder('i386-pc'), tool), join(staging, 'bin', tool));
      await chmod(join(staging, 'bin', tool), 0o755);
    }
  }

  async #configure(platform: GrubPlatform): Promise<void> {
    const folder = this.#folder(platform);
    const parts = PLATFORM_PARTS[platform];
    const flags = [...CONFIGURE_FLAGS, `--with-platform=${parts.platform}`, `--target=${parts.target}`];
    const step = `configure ${platform}`;
    await mkdir(folder);
    await this.workshop.step(step, MEASURED_MS.configure, () =>
      this.workshop.command(step, join(this.source, 'configure'), flags, {
        cwd: folder,
        env: { PYTHON: 'python3' },
      }),
    );
  }

  async #makeModules(platform: GrubPlatform): Promise<void> {
    const step = `modules ${platform}`;
    const make = (folder: string, args: readonly string[]): Promise<unknown> =>
      this.workshop.command(step, 'make', [jobs, ...args], { cwd: folder });
    await this.workshop.step(step, MEASURED_MS.modules, async () => {
      await make(join(this.#core(platform), 'lib', 'gnulib'), []);
      const trimmed = trimmedMakeVariables(PLATFORM_PARTS[platform]);
      try {
        await make(this.#core(platform), [...trimmed, 'all']);
        this.#makeVariables.set(platform, trimmed);
      } catch (error) {
        if (!(error instanceof BuildFailedError) || !(await tableDoesNotFit(error))) throw error;
        this.workshop.notice(
          step,
          "this GRUB's modules differ from our table: building all of them (minutes)",
        );
        await make(this.#core(platform), []);
      }
    });
  }

  #folder(platform: GrubPlatform): string {
    return join(this.workshop.directory, platform);
  }

  #core(platform: GrubPlatform): string {
    return join(this.#folder(platform), 'grub-core');
  }
}

async function tableDoesNotFit(error: BuildFailedError): Promise<boolean> {
  return TABLE_DOES_NOT_FIT.test(await readFile(error.logPath, 'utf8'));
}

/** Both at once; where one fails the other is waited for, so that nothing runs on in a folder that is removed. */
async function allPlatforms(work: (platform: GrubPlatform) => Promise<void>): Promise<void> {
  const ends = await Promise.allSettled(GRUB_PLATFORMS.map(work));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

async function replaceKeepingTime(path: string, from: string, to: string): Promise<void> {
  const { atime, mtime } = await stat(path);
  await writeFile(path, (await readFile(path, 'utf8')).replaceAll(from, to));
  await utimes(path, atime, mtime);
}
