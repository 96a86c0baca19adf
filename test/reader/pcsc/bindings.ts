import type { PcscBinding } from '../../../src/reader/pcsc/binding.ts'
import { pcscMini } from '../../../src/reader/pcsc/pcsc-mini.ts'
import { smartcard, type SmartcardPackage } from '../../../src/reader/pcsc/smartcard.ts'

/** Both bindings; each is loaded only where its tests run. */
export const BINDINGS: Readonly<Record<string, () => Promise<PcscBinding>>> = {
  'pcsc-mini': async () => pcscMini(await import('pcsc-mini')),
  smartcard: async () => smartcard(await smartcardPackage()),
}

async function smartcardPackage(): Promise<SmartcardPackage> {
  const name: string = 'smartcard'
  const { default: pcsc } = (await import(name)) as { readonly default: SmartcardPackage }
  return pcsc
}

/** The second binding is built by a compiler, so that it is not everywhere. */
export const WHY_NOT_SMARTCARD: string | undefined = await smartcardPackage().then(
  () => undefined,
  () =>
    'apt-get install g++ make python3 libpcsclite-dev, then npm install --no-save smartcard@3.7.0',
)
