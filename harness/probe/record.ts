export const PROBE_BEGIN = /^probe (\d{1,9}) begin /;
export const PROBE_END = /^probe (\d{1,9}) end lines=([0-9a-f]{4}) crc32=([0-9a-f]{8})$/;
