/** What a stub supports: the reply to qSupported (GDB manual, appendix E, "General Query Packets"). */
export interface StubFeatures {
  /** Characters of a packet's payload the stub takes, as it says it itself. */
  readonly packetSize: number;
  /** Whether acknowledgements can be left away. */
  readonly noAckMode: boolean;
  /** Whether the stub describes its registers. */
  readonly targetDescription: boolean;
}

/** GDB's own figure for a stub that says nothing (remote.c). */
const DEFAULT_PACKET_SIZE = 400;
/** Packets are small enough for any stub's figure to be doubted beyond this. */
const MAX_PACKET_SIZE = 0x10000;

export function parseFeatures(reply: string): StubFeatures {
  const features = reply.split(';');
  const size = Number.parseInt(
    /^PacketSize=([0-9a-f]{1,8})$/i.exec(features.find(isSize) ?? '')?.[1] ?? '',
    16,
  );
  return {
    packetSize: size >= 64 ? Math.min(size, MAX_PACKET_SIZE) : DEFAULT_PACKET_SIZE,
    noAckMode: features.includes('QStartNoAckMode+'),
    targetDescription: features.includes('qXfer:features:read+'),
  };
}

function isSize(feature: string): boolean {
  return feature.startsWith('PacketSize=');
}

/**
 * The most bytes one `m` can ask for: a reply holds two digits a byte. QEMU 7.2 (PacketSize=1000) answers up to
 * 0x800 and refuses 0x801 with E22.
 */
export function maxReadBytes({ packetSize }: StubFeatures): number {
  return Math.floor(packetSize / 2);
}

/**
 * The most bytes one `M` at `address` can carry. QEMU's buffer of PacketSize keeps a byte for itself (gdbstub.c,
 * gdb_read_byte): of 0x1000 characters 0xfff pass, and a longer packet is dropped without a word.
 */
export function maxWriteBytes({ packetSize }: StubFeatures, address: bigint): number {
  const header = `M${address.toString(16)},${(packetSize / 2).toString(16)}:`.length;
  return Math.floor((packetSize - 1 - header) / 2);
}
