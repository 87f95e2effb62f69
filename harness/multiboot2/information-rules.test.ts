import t from 'tap';
import { checkInformation, INFORMATION_RULES } from './information-rules.ts';
import { KNOWN_DEVIATIONS } from './known-deviations.ts';
import { brokenRules } from './rule-finding.ts';
import { type BuiltTag, words } from './testdata/image-builder.ts';
import {
  BIOS,
  EFI,
  EFI_MAP,
  FRAMEBUFFER,
  type Handover,
  handedOver,
  KEPT,
  MEMORY_MAP,
  MODULE,
  RGB,
  rsdp,
  VBE_PAYLOAD,
  withContext,
  withTag,
} from './testdata/sound-information.ts';

/** Bytes with their context. */
type Broken = Handover & { readonly bytes?: Uint8Array };

const bytesOf = (value: string): Uint8Array => new TextEncoder().encode(value);
const replaced = (handover: Handover, type: number, payload: BuiltTag['payload'] = []): Broken =>
  withTag(handover, type, { type, payload });
const sized = (handover: Handover, type: number, size: number): Broken => ({
  ...handover,
  tags: handover.tags.map((tag) => (tag.type === type ? { ...tag, size } : tag)),
});
const added = (handover: Handover, ...tags: BuiltTag[]): Broken => ({
  ...handover,
  tags: [...handover.tags, ...tags],
});
const patched = (handover: Handover, change: (view: DataView, totalSize: number) => void): Broken => {
  const bytes = handedOver(handover);
  const view = new DataView(bytes.buffer);
  change(view, view.getUint32(0, true));
  return { ...handover, bytes };
};
const map = (...entries: number[][]): Broken =>
  withTag(BIOS, 6, MEMORY_MAP([0, 0x9fc00, 1], [0x10_0000, 0x7f0_0000, 1], ...entries));
const modules = (...tags: BuiltTag[]): Broken => ({
  given: { ...BIOS.given, modules: tags.length },
  tags: [...BIOS.tags.filter(({ type }) => type !== 3), ...tags],
});
const flipped = (bytes: Uint8Array, at: number): Uint8Array =>
  bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
const last = (bytes: Uint8Array): number => bytes.length - 1;

const FIXED = withTag(withContext(BIOS, { relocatable: false, requested: [] }), 21, undefined);

/** For each rule, ways to break it and nothing else. */
const BREAKAGES: Readonly<Record<string, readonly Broken[]>> = {
  'total-size': [patched(BIOS, (view) => view.setUint32(0, view.byteLength + 8, true))],
  'reserved-zero': [patched(BIOS, (view) => view.setUint32(4, 1, true))],
  'information-aligned': [withContext(BIOS, { address: 0x10_000c })],
  'information-above-first-page': [withContext(BIOS, { address: 0xff8 })],
  'information-below-4gib': [withContext(KEPT, { address: 0x1_0000_0000, memoryTop: 0x2_0000_0000 })],
  'information-clear-of-image': [withContext(BIOS, { address: 0x60_0ff8 })],
  'information-clear-of-modules': [withContext(BIOS, { address: 0x10_2008 })],
  'tag-within-total': [sized(BIOS, 8, 0x7fff_fff0)],
  'tag-size': [
    replaced(BIOS, 5, [1, 2, 3, 4]),
    replaced(BIOS, 14, rsdp(0).subarray(0, 12)),
    replaced(BIOS, 10),
    sized(BIOS, 8, 0),
  ],
  'tag-types-known': [added(BIOS, { type: 22 })],
  'tag-once': [added(BIOS, { type: 1, payload: bytesOf('again\0') })],
  'end-tag': [patched(BIOS, (view, size) => view.setUint32(0, size - 8, true))],
  'end-tag-last': [patched(BIOS, (view, size) => view.setUint32(0, size + 8, true))],
  'text-terminated': [
    replaced(BIOS, 1, bytesOf('no end')),
    modules(MODULE(0x10_1000, 0x10_1005), { type: 3, payload: [0x10_2000, 0x10_3000] }),
  ],
  'text-utf8': [replaced(BIOS, 2, Uint8Array.of(0xff, 0xfe, 0))],
  'load-base-told': [withTag(KEPT, 21, undefined)],
  'load-base-only-if-relocatable': [
    withContext(KEPT, { relocatable: false }),
    withContext(KEPT, { toldBase: { asType: 0x4c42 } }),
  ],
  'load-base-value': [
    withContext(BIOS, { loadBase: 0x40_0000 }),
    withContext(BIOS, { toldBase: BIOS.given.loadBase + 0x20_0000 }),
  ],
  'requested-tags': [withTag(BIOS, 1, undefined)],
  'maps-given': [withTag(EFI, 17, undefined), withTag(withContext(BIOS, { requested: [] }), 6, undefined)],
  'maps-left-out': [added(KEPT, { type: 4, payload: [639, 1] })],
  'boot-services-told': [
    withTag(withContext(KEPT, { requested: [] }), 18, undefined),
    added(EFI, { type: 18 }),
  ],
  'efi-image-handle': [withTag(KEPT, 20, undefined), added(EFI, { type: 20, payload: [0x1000, 0] })],
  'efi-system-table': [withTag(EFI, 12, undefined), added(BIOS, { type: 12, payload: [0x1000, 0] })],
  'efi-pointers': [replaced(EFI, 12, [0, 0]), replaced(KEPT, 20, [0, 0])],
  'efi-map-only-on-efi': [added(BIOS, EFI_MAP([7, 0x10_0000, 1]))],
  'efi-32-bit-tags': [added(EFI, { type: 11, payload: [1] }), added(KEPT, { type: 19, payload: [1] })],
  'bios-tags': [added(EFI, { type: 5, payload: [1, 2, 3] })],
  'module-count': [withContext(BIOS, { modules: 3 }), withContext(BIOS, { modules: 1 })],
  'module-order': [modules(MODULE(0x10_2000, 0x10_1000))],
  'module-page-aligned': [modules(MODULE(0x10_2004, 0x10_3000))],
  'modules-disjoint': [
    modules(MODULE(0x10_2000, 0x10_5000), MODULE(0x10_1000, 0x10_2001), MODULE(0x10_6000, 0x10_7000)),
  ],
  'modules-clear-of-image': [modules(MODULE(0x5f_f000, 0x60_0001))],
  'below-memory-top': [withContext(BIOS, { memoryTop: 0x60_1fff })],
  'memory-map-entry-size': [replaced(BIOS, 6, [20, 0, 0, 0, 1, 0, 1]), replaced(BIOS, 6, [24, 0, 1])],
  'memory-map-version': [patched(BIOS, (view) => view.setUint32(offsetOf(BIOS, 6) + 12, 1, true))],
  'memory-map-reserved-zero': [map([0xf00_0000, 0x1000, 2, 1])],
  'memory-map-length': [map([0xf00_0000, 0, 2])],
  'memory-map-type': [map([0xf00_0000, 0x1000, 0])],
  'memory-map-disjoint': [map([0x9f000, 0x1000, 2])],
  'memory-map-lists-ram': [withContext(BIOS, { address: 0x9fc00 })],
  'basic-memory-lower': [replaced(BIOS, 4, [640, 1024]), replaced(BIOS, 4, [641, 1024])],
  'basic-memory-upper': [replaced(BIOS, 4, [639, 0x7f00 * 4 + 1])],
  'efi-map-descriptor-size': [
    replaced(EFI, 17, [32, 1, ...new Array<number>(8).fill(0)]),
    replaced(EFI, 17, [48, 1, 7]),
  ],
  'efi-map-descriptor-version': [patched(EFI, (view) => view.setUint32(offsetOf(EFI, 17) + 12, 2, true))],
  'efi-map-descriptors': [
    withTag(EFI, 17, EFI_MAP([7, 0x1000, 0])),
    withTag(EFI, 17, EFI_MAP([7, 0x1001, 1])),
    withTag(EFI, 17, EFI_MAP([16, 0x1000, 1])),
  ],
  'efi-map-disjoint': [withTag(EFI, 17, EFI_MAP([7, 0x2000, 2], [7, 0x1000, 2]))],
  'framebuffer-size': [
    withTag(EFI, 8, FRAMEBUFFER(RGB, 16, 8, 8, 8, 0, 8, 0)),
    withTag(EFI, 8, FRAMEBUFFER(RGB)),
    withTag(EFI, 8, FRAMEBUFFER({ ...RGB, type: 0 }, 2, 0, 1, 2, 3)),
  ],
  'framebuffer-type': [withTag(EFI, 8, FRAMEBUFFER({ type: 3 }))],
  'framebuffer-shape': [
    withTag(BIOS, 8, FRAMEBUFFER({ address: 0 })),
    withTag(BIOS, 8, FRAMEBUFFER({ width: 0 })),
    withTag(BIOS, 8, FRAMEBUFFER({ bits: 8 })),
    withTag(EFI, 8, FRAMEBUFFER({ ...RGB, pitch: 4092 }, 16, 8, 8, 8, 0, 8)),
  ],
  'framebuffer-colour-fields': [
    withTag(EFI, 8, FRAMEBUFFER(RGB, 25, 8, 8, 8, 0, 8)),
    withTag(EFI, 8, FRAMEBUFFER(RGB, 16, 8, 9, 8, 0, 8)),
  ],
  'vbe-signature': [replaced(BIOS, 7, flipped(VBE_PAYLOAD, 8))],
  'elf-sections-size': [replaced(BIOS, 9, [2, 40, 0])],
  'elf-sections-entry': [
    replaced(BIOS, 9, [1, 4, 0, 0]),
    replaced(BIOS, 9, [1, 40, 1, ...new Array<number>(10)]),
  ],
  'acpi-old-rsdp': [
    replaced(BIOS, 14, flipped(rsdp(0), 8)),
    replaced(BIOS, 14, flipped(flipped(rsdp(0), 0), 1)),
  ],
  'acpi-new-rsdp': [
    replaced(EFI, 15, rsdp(0)),
    replaced(EFI, 15, flipped(rsdp(2), last(rsdp(2)))),
    replaced(EFI, 15, Uint8Array.from([...rsdp(2), 0])),
  ],
  'smbios-tables': [
    replaced(BIOS, 13, words(0x0802, 0)),
    replaced(BIOS, 13, words(0x0801, 0, 1)),
    replaced(BIOS, 13, words(0x0002_0802, 0, 1)),
  ],
};

function offsetOf(handover: Handover, type: number): number {
  const bytes = handedOver(handover);
  const view = new DataView(bytes.buffer);
  for (let at = 8; ; at += Math.ceil(view.getUint32(at + 4, true) / 8) * 8)
    if (view.getUint32(at, true) === type) return at;
}

const check = (broken: Broken) => checkInformation(broken.bytes ?? handedOver(broken), broken.given);

t.test('sound boot information breaks no rule, and every rule is asked of one or another', (t) => {
  const asked = new Set<string>();
  for (const handover of [BIOS, EFI, KEPT, FIXED]) {
    const findings = check(handover);
    t.strictSame(brokenRules(findings), [], handover.given.firmware);
    findings.forEach(({ rule }) => asked.add(rule));
  }
  t.strictSame(
    INFORMATION_RULES.map((rule) => rule.name).filter((name) => !asked.has(name)),
    [],
  );
  t.end();
});

t.test('each rule has a breakage that makes exactly it speak', (t) => {
  t.strictSame(Object.keys(BREAKAGES).sort(), INFORMATION_RULES.map((rule) => rule.name).sort());
  for (const [name, breakages] of Object.entries(BREAKAGES))
    breakages.forEach((broken, index) => {
      const findings = brokenRules(check(broken));
      t.strictSame(
        findings.map(({ rule }) => rule),
        [name],
        `${name}, breakage ${index}: ${findings.map(({ text }) => text).join(' | ')}`,
      );
      const source = INFORMATION_RULES.find((rule) => rule.name === name)?.source;
      t.match(findings[0]?.text, `; ${source} demands: `);
    });
  t.end();
});

t.test('a known deviation of the loader that says its name is a note', (t) => {
  for (const { rule, nameBegins, reason } of KNOWN_DEVIATIONS) {
    const [broken] = BREAKAGES[rule] ?? [];
    if (!broken) throw new Error(`no breakage of ${rule}`);
    const findings = check(withTag(broken, 2, { type: 2, payload: bytesOf(`${nameBegins}2.06\0`) }));
    t.strictSame(brokenRules(findings), []);
    t.match(
      findings.find((finding) => finding.rule === rule),
      {
        ok: true,
        text: /^note: known deviation of GRUB: there is a tag/,
        tolerated: { loader: 'GRUB', reason },
      },
    );
  }
  t.end();
});

t.test('many breaches of one rule are counted', (t) => {
  const far = Array.from({ length: 9 }, (_, index) => MODULE(0x10_1000 + index * 0x1000, 0x10_1001));
  const text = brokenRules(check(modules(...far))).find(({ rule }) => rule === 'module-order')?.text;
  t.match(text, /; and 5 more; Multiboot2 §3\.6\.6 demands: /);
  t.end();
});

t.test('no cut, no flipped byte and no noise makes it throw or loop', (t) => {
  for (const handover of [BIOS, EFI, KEPT]) {
    const bytes = handedOver(handover);
    for (let size = 0; size < bytes.length; size += 3)
      checkInformation(bytes.subarray(0, size), handover.given);
    for (let at = 0; at < bytes.length; at += 1)
      for (const value of [0, 0x7f, 0xff])
        checkInformation(
          bytes.map((byte, index) => (index === at ? value : byte)),
          handover.given,
        );
  }
  const noise = Uint8Array.from({ length: 4096 }, (_, index) => (index * 7919) % 251);
  t.ok(brokenRules(checkInformation(noise, BIOS.given)).length > 0);
  t.strictSame(
    brokenRules(checkInformation(new Uint8Array(), BIOS.given)).map(({ rule }) => rule),
    ['total-size', 'end-tag'],
  );
  t.end();
});
