/** What QEMU's `-d cpu_reset` log says of a reset that QMP only reports. Pure. */

/** Its name in the instance's folder; QEMU writes it. */
export const CPU_LOG = 'qemu-cpu.log';

/** Source: QEMU 7.2 target/i386/tcg/excp_helper.c (check_exception), logged before the reset is requested. */
export function saysTripleFault(cpuLog: string): boolean {
  return /^Triple fault$/m.test(cpuLog);
}
