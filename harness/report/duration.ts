/** How long something took, in the two ways a report says it. */

/** `0:48`, `12:05`, `1:02:03`: a running clock, in whole seconds. */
export function formatClock(durationMs: number): string {
  const { hours, minutes, seconds } = split(Math.floor(durationMs / 1000));
  const twoDigits = (value: number) => String(value).padStart(2, '0');
  return hours > 0
    ? `${hours}:${twoDigits(minutes)}:${twoDigits(seconds)}`
    : `${minutes}:${twoDigits(seconds)}`;
}

/** `0.0 s`, `1.2 s`, `48 s`, `4 min 10 s`, `1 h 3 min`: no more digits than matter at that size. */
export function formatDuration(durationMs: number): string {
  const tenths = Math.round(Math.max(0, durationMs) / 100);
  if (tenths < 100) return `${(tenths / 10).toFixed(1)} s`;
  const { hours, minutes, seconds } = split(Math.round(durationMs / 1000));
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  if (minutes > 0) return seconds > 0 ? `${minutes} min ${seconds} s` : `${minutes} min`;
  return `${seconds} s`;
}

function split(totalSeconds: number): { hours: number; minutes: number; seconds: number } {
  const whole = Math.max(0, totalSeconds);
  return { hours: Math.floor(whole / 3600), minutes: Math.floor(whole / 60) % 60, seconds: whole % 60 };
}
