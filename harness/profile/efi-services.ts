/** UEFI's tables: which service stands where, and what its arguments are (UEFI Specification 2.10). */
import type { TableKind } from './machine-profile.ts';

/**
 * What an argument is: a `value` (also a handle, or a pointer that a service had given); a pointer to a `guid` or to a
 * CHAR16 `string`; a pointer to `out` bytes that the service writes, or to `inout` bytes that it reads, too; a `buffer` of
 * as many bytes as the `inout` argument at an index says; `any`, which says nothing.
 */
export type Parameter =
  | { readonly kind: 'value' | 'guid' | 'string' | 'any' }
  | { readonly kind: 'out' | 'inout'; readonly sizeBytes: number }
  | { readonly kind: 'buffer'; readonly sizeAt: number };

export interface Service {
  /** e.g. `HandleProtocol` */
  readonly name: string;
  readonly parameters: readonly Parameter[];
}

const value: Parameter = { kind: 'value' };
const guid: Parameter = { kind: 'guid' };
const string: Parameter = { kind: 'string' };
const any: Parameter = { kind: 'any' };
const out = (sizeBytes: number): Parameter => ({ kind: 'out', sizeBytes });
const inout = (sizeBytes: number): Parameter => ({ kind: 'inout', sizeBytes });
const bufferOf = (sizeAt: number): Parameter => ({ kind: 'buffer', sizeAt });
const service = (name: string, ...parameters: readonly Parameter[]): Service => ({ name, parameters });
/** None of whose captures we know how to write down: asked for, it is named. */
const other = (name: string): Service => service(name, any, any, any, any);

const HEADER_BYTES = 24;
const POINTER_BYTES = 8;

interface Table {
  readonly firstOffset: number;
  readonly services: readonly Service[];
}

const BOOT_SERVICES: readonly Service[] = [
  service('RaiseTPL', value),
  service('RestoreTPL', value),
  service('AllocatePages', value, value, value, inout(8)),
  service('FreePages', value, value),
  service('GetMemoryMap', inout(8), bufferOf(0), out(8), out(8), out(4)),
  service('AllocatePool', value, value, out(8)),
  service('FreePool', value),
  ...['CreateEvent', 'SetTimer', 'WaitForEvent', 'SignalEvent', 'CloseEvent', 'CheckEvent'].map(other),
  ...['InstallProtocolInterface', 'ReinstallProtocolInterface', 'UninstallProtocolInterface'].map(other),
  service('HandleProtocol', value, guid, out(8)),
  ...['(reserved)', 'RegisterProtocolNotify'].map(other),
  service('LocateHandle', value, guid, any, inout(8), bufferOf(3)),
  ...['LocateDevicePath', 'InstallConfigurationTable', 'LoadImage', 'StartImage', 'Exit', 'UnloadImage'].map(
    other,
  ),
  service('ExitBootServices', value, value),
  service('GetNextMonotonicCount', out(8)),
  service('Stall', value),
  service('SetWatchdogTimer', value, value, value, value),
  ...['ConnectController', 'DisconnectController'].map(other),
  service('OpenProtocol', value, guid, out(8), value, value, value),
  service('CloseProtocol', value, guid, value, value),
  ...['OpenProtocolInformation', 'ProtocolsPerHandle'].map(other),
  service('LocateHandleBuffer', value, guid, any, out(8), out(8)),
  service('LocateProtocol', guid, value, out(8)),
  ...['InstallMultipleProtocolInterfaces', 'UninstallMultipleProtocolInterfaces'].map(other),
  service('CalculateCrc32', value, value, out(4)),
  ...['CopyMem', 'SetMem', 'CreateEventEx'].map(other),
];

const RUNTIME_SERVICES: readonly Service[] = [
  service('GetTime', out(16), out(12)),
  ...['SetTime', 'GetWakeupTime', 'SetWakeupTime', 'SetVirtualAddressMap', 'ConvertPointer'].map(other),
  service('GetVariable', string, guid, out(4), inout(8), bufferOf(3)),
  ...['GetNextVariableName', 'SetVariable', 'GetNextHighMonotonicCount', 'ResetSystem'].map(other),
  ...['UpdateCapsule', 'QueryCapsuleCapabilities'].map(other),
  service('QueryVariableInfo', value, out(8), out(8), out(8)),
];

const TEXT_OUTPUT: readonly Service[] = [
  service('Reset', value, value),
  service('OutputString', value, string),
  service('TestString', value, string),
  service('QueryMode', value, value, out(8), out(8)),
  service('SetMode', value, value),
  service('SetAttribute', value, value),
  service('ClearScreen', value),
  service('SetCursorPosition', value, value, value),
  service('EnableCursor', value, value),
];

const GRAPHICS_OUTPUT: readonly Service[] = [
  service('QueryMode', value, value, out(8), out(8)),
  service('SetMode', value, value),
  other('Blt'),
];

const PCI_IO: readonly Service[] = [
  ...['PollMem', 'PollIo', 'Mem.Read', 'Mem.Write', 'Io.Read', 'Io.Write', 'Pci.Read', 'Pci.Write'].map(
    other,
  ),
  ...['CopyMem', 'Map', 'Unmap', 'AllocateBuffer', 'FreeBuffer', 'Flush'].map(other),
  service('GetLocation', value, out(8), out(8), out(8), out(8)),
  service('Attributes', value, value, value, out(8)),
  ...['GetBarAttributes', 'SetBarAttributes'].map(other),
];

/** The system table has no services; where its pointers stand: {@link SYSTEM_TABLE}. */
export const TABLES: Readonly<Record<TableKind, Table>> = {
  system: { firstOffset: HEADER_BYTES, services: [] },
  boot: { firstOffset: HEADER_BYTES, services: BOOT_SERVICES },
  runtime: { firstOffset: HEADER_BYTES, services: RUNTIME_SERVICES },
  textOutput: { firstOffset: 0, services: TEXT_OUTPUT },
  graphicsOutput: { firstOffset: 0, services: GRAPHICS_OUTPUT },
  pciIo: { firstOffset: 0, services: PCI_IO },
};

/** EFI_SYSTEM_TABLE (§4.3): offsets of pointers to tables. */
export const SYSTEM_TABLE = {
  sizeBytes: 0x78,
  pointers: [
    { kind: 'textOutput', offset: 0x40 },
    { kind: 'textOutput', offset: 0x50 },
    { kind: 'runtime', offset: 0x58 },
    { kind: 'boot', offset: 0x60 },
  ],
} as const satisfies { sizeBytes: number; pointers: readonly { kind: TableKind; offset: number }[] };

/** Which table a protocol's interface is. */
export const PROTOCOL_TABLES: Readonly<Record<string, TableKind>> = {
  '387477c2-69c7-11d2-8e39-00a0c969723b': 'textOutput',
  '9042a9de-23dc-4a38-96fb-7aded080516a': 'graphicsOutput',
  '4cf5b200-68b8-4ca5-9eec-b23e3f50029a': 'pciIo',
};

/** For readers of a message. */
export const GUID_NAMES: Readonly<Record<string, string>> = {
  '387477c2-69c7-11d2-8e39-00a0c969723b': 'simple text output',
  '387477c1-69c7-11d2-8e39-00a0c969723b': 'simple text input',
  '9042a9de-23dc-4a38-96fb-7aded080516a': 'graphics output',
  '4cf5b200-68b8-4ca5-9eec-b23e3f50029a': 'PCI I/O',
  '5b1b31a1-9562-11d2-8e3f-00a0c969723b': 'loaded image',
  '09576e91-6d3f-11d2-8e39-00a0c969723b': 'device path',
  '964e5b22-6459-11d2-8e39-00a0c969723b': 'simple file system',
  '1c0c34f6-d380-41fa-a049-8ad06c1a66aa': 'discovered EDID',
  'bd8c1056-9f36-44ec-92a8-a6337f817986': 'active EDID',
};

export function slotAddress(kind: TableKind, address: number, index: number): number {
  return address + TABLES[kind].firstOffset + index * POINTER_BYTES;
}

/** Of all of a table, in memory. */
export function tableBytes(kind: TableKind): number {
  return kind === 'system'
    ? SYSTEM_TABLE.sizeBytes
    : TABLES[kind].firstOffset + TABLES[kind].services.length * POINTER_BYTES;
}
