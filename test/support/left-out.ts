/**
 * Says what is left out and why, if there is a reason. Where it was promised that nothing is, as in CI after
 * its installation, that is a failure.
 */
export function leftOut(what: string, why: string | undefined): boolean {
  if (why === undefined) return false
  const sentence = `NOT TESTED: ${what}: ${why}`
  if (process.env['KONTANT_TEST_ALL'] === '1') throw new Error(sentence)
  console.warn(sentence)
  return true
}
