/** True for an error of the operating system with one of these codes (`ENOENT`, `ESRCH` …). */
export function isNodeError(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
