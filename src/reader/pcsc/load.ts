import type { PcscBinding } from './binding.ts'
import { pcscMini } from './pcsc-mini.ts'
import { smartcard, type SmartcardPackage } from './smartcard.ts'

/** There is no way to a reader on this machine. The message says what to install. */
export class PcscMissing extends Error {
  override readonly name = 'PcscMissing'
}

/** Packages that bind PC/SC, the better one first. The first that is there and works is used. */
const PACKAGES = [
  async () => pcscMini(await import('pcsc-mini')),
  async () => {
    // No dependency of ours, as it needs a compiler: where it is not installed, neither are its types.
    const name: string = 'smartcard'
    const { default: pcsc } = (await import(name)) as { readonly default: SmartcardPackage }
    return smartcard(pcsc)
  },
] as const

/** Loaded only by whoever wants a reader: without PC/SC everything else works. @throws {PcscMissing} */
export async function loadPcsc(): Promise<PcscBinding> {
  const errors: unknown[] = []
  for (const load of PACKAGES) {
    try {
      return await load()
    } catch (error) {
      errors.push(error)
    }
  }
  throw new PcscMissing(explain(errors), { cause: errors[0] })
}

function explain(errors: readonly unknown[]): string {
  const isInstalled = errors.some((error) => !isMissingPackage(error))
  return isInstalled
    ? 'the PC/SC library could not be loaded. Debian: apt-get install pcscd libpcsclite1'
    : 'no package for PC/SC is installed: npm install pcsc-mini, and on Debian also apt-get install pcscd libpcsclite1'
}

function isMissingPackage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
}
